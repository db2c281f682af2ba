/* SPDX-License-Identifier: MIT */
/* Where the content of a remote file comes from. */
#ifndef FS_REMOTE_SOURCE_H
#define FS_REMOTE_SOURCE_H

#include "client.h"

/* Takes the next bytes; false ends the transfer. */
typedef bool remote_sink(void *context, const char *bytes, size_t size);

struct remote_range {
    uint64_t from, to; /* UINT64_MAX: the end */
};

/* Where a file's bytes come from. */
struct remote_source {
    void *context;
    uint64_t size;
    const unsigned char *md5; /* MD5_SIZE bytes, inside the context; NULL: unknown, not cached */
    uint64_t alignment;       /* what is read ahead crosses no multiple of it; 0: it may */
    unsigned ways;            /* so often a wrong content can be worth another try; 0: as 2 */
    const char *path;         /* for people, inside the context; NULL: none is told of it */
    /* Delivers exactly `length` bytes from `offset`, or fails. Blocks. */
    int (*fetch)(void *context, struct call *call, uint64_t offset, uint64_t length,
                 remote_sink *sink, void *sink_context);
    /* What was received does not have the digest it should have. `final`: all readers fail, and
     * whoever opens from now on must come with another key; else it is fetched once more. */
    void (*mismatch)(void *context, bool final);
    /* Has the kernel forget these parts of the content. `wait`: until it has, some time at most. */
    void (*drop_pages)(void *context, const struct remote_range *ranges, size_t count, bool wait);
    void (*release)(void *context);
};

#endif
