/* SPDX-License-Identifier: MIT */
/*
 * How a content is read, by all its readers together, and what of it is worth fetching ahead. Reads
 * that lie side by side are a run, forward or backward; several go on at once. Who reads on and on
 * is read far ahead of, who jumps about is not; where runs of a certain length follow each other,
 * the next one is expected to be as long. Pure arithmetic; the caller's lock.
 */
#ifndef FS_READAHEAD_H
#define FS_READAHEAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    READAHEAD_SNIFF = 64 << 10,       /* who has read less from the file's start just looks at it */
    READAHEAD_HEAD = 128 << 10,       /* … and gets so much */
    READAHEAD_FIRST = 1 << 20,        /* window of one who begins at the file's start */
    READAHEAD_WHOLE = 8 << 20,        /* files up to this size are fetched whole then */
    READAHEAD_LARGEST = 32 << 20,     /* window */
    READAHEAD_STREAM = 4 << 20,       /* largest part that is fetched with one request */
    READAHEAD_STREAM_MIN = 512 << 10, /* smallest, where the file goes on */
    READAHEAD_LEAST = 256 << 10,      /* window that is worth a request */
    READAHEAD_LONG = 512 << 10,       /* runs from this length on are pieces of a whole */
    READAHEAD_RUNS = 32,              /* remembered */
};

struct readahead_run {
    uint64_t low, high; /* what was read: nearly all between; both 0: no run */
    uint64_t bytes;     /* so much of it */
    uint64_t up, down;  /* fetched, or being fetched, up and down to here; 0, UINT64_MAX: not */
    uint64_t upward, downward; /* bytes by which it grew */
    uint64_t begun, used;      /* readahead.reads at its first and last read */
    unsigned outlived;         /* so many other runs began, and it went on */
    bool single;               /* one read so far */
    bool again; /* it reads what came before: what was fetched once counts for nothing */
};

struct readahead {
    uint64_t alignment; /* no request for what is read ahead crosses a multiple of it; 0: it may */
    struct readahead_run runs[READAHEAD_RUNS];
    uint64_t reads;
    uint64_t last_begun; /* `begun` of the newest run */
    uint64_t pieces;     /* bytes read in long runs */
};

/* Takes note of a read; of one that is repeated nothing changes. */
void readahead_note(struct readahead *content, uint64_t offset, uint64_t size);
/* The run to which a noted read belongs; NULL: forgotten. */
struct readahead_run *readahead_find(struct readahead *content, uint64_t offset, uint64_t end);
bool readahead_is_backward(const struct readahead_run *run);

/* Whether more is to be fetched now, beyond what was planned for the run: *from up to *to, one
 * request. `largest` bounds the windows of all runs. Nothing is noted: set `up` or `down` when it
 * is done. */
bool readahead_next(const struct readahead *content, const struct readahead_run *run,
                    uint64_t file_size, uint64_t largest, uint64_t *from, uint64_t *to);

/* How the content is read in pieces: whether what was not yet read of it will most likely be, too.
 */
struct readahead_sweep {
    uint64_t budget; /* bytes that may lie unread; 0: none */
    bool backward;   /* the next piece is expected below the last one */
};
struct readahead_sweep readahead_sweep(const struct readahead *content);

#endif
