/* SPDX-License-Identifier: MIT */
/* How far a file is that somebody waits for. */
#ifndef FS_PROGRESS_H
#define FS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PROGRESS_MOST = 16, /* files of which is told how far they are */
    PROGRESS_PATH_SIZE = 1024,
    PROGRESS_KEPT_MS = 10000, /* how long a file is told of after its last byte has come */
};

/* Where the last bytes of a file came from. */
enum progress_source {
    FROM_NETWORK,
    FROM_DISK,
    PASSED, /* the kernel reads it itself: nobody knows how far it is */
};

struct remote_progress {
    char path[PROGRESS_PATH_SIZE]; /* cut if longer */
    uint64_t size;                 /* of the file, in bytes */
    uint64_t bytes;                /* so many different ones of it have come */
    uint64_t rate;                 /* bytes a second: lately, of a finished one in the mean */
    unsigned streams;              /* transfers under way */
    enum progress_source source;
    bool finished; /* all of it has come, or nobody has it open any more */
    int64_t last;  /* clock_milliseconds() of the last byte */
};

#endif
