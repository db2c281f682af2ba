/* SPDX-License-Identifier: MIT */
/*
 * How far one reader of a file is read ahead of: much for one who reads on and
 * on, nothing for one who jumps about. Pure arithmetic; the caller's lock.
 */
#ifndef FS_READAHEAD_H
#define FS_READAHEAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    READAHEAD_FIRST = 1 << 20,       /* window of one who begins at the file's start */
    READAHEAD_WHOLE = 8 << 20,       /* files up to this size are fetched whole then */
    READAHEAD_LARGEST = 32 << 20,    /* window */
    READAHEAD_STREAM = 4 << 20,      /* largest part that is fetched with one request */
    READAHEAD_STREAM_MIN = 512 << 10 /* smallest, where the file goes on */
};

struct readahead {
    uint64_t next;    /* where a sequential reader goes on */
    uint64_t run;     /* bytes read one after the other */
    uint64_t planned; /* fetched or being fetched for this reader, up to here */
};

/* Takes note of a read. */
void readahead_note(struct readahead *reader, uint64_t offset, uint64_t size);

/* Whether more is to be fetched now, beyond what was planned: *from up to *to, one request.
 * `largest` bounds the window. Nothing is noted: set `planned` when it is done. */
bool readahead_next(const struct readahead *reader, uint64_t file_size, uint64_t largest,
                    uint64_t *from, uint64_t *to);

#endif
