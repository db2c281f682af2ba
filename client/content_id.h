/* SPDX-License-Identifier: MIT */
/*
 * What a content is called to caches that keep it for many readers, and which contents came wrong
 * from there: these are asked for under another name, the same for all readers. Any thread; the
 * lock is a leaf. Times are clock_milliseconds().
 */
#ifndef CLIENT_CONTENT_ID_H
#define CLIENT_CONTENT_ID_H

#include "base/md5.h"

#include <pthread.h>
#include <stdint.h>

enum {
    CONTENT_ID_SIZE = 80,    /* bytes of a name, the NUL included */
    CONTENT_ID_SUFFIXES = 2, /* other names that are tried after the first one */
    CONTENT_IDS_WRONG = 64,  /* contents that are remembered */
    /* So long it is remembered that they are wrong. */
    CONTENT_ID_MEMORY_MS = 60 * 60 * 1000,
    /* … and that no name is left: who mends the caches need not wait for the hour. */
    CONTENT_ID_EXHAUSTED_MS = 60 * 1000,
};

/* "md5-HEX-SIZE", with a suffix other than 0 also ".SUFFIX". */
void content_id_write(char text[CONTENT_ID_SIZE], const unsigned char md5[MD5_SIZE], uint64_t size,
                      unsigned suffix);

/* Contents that came wrong. Zero-filled but for the lock. */
struct wrong_contents {
    pthread_mutex_t lock;
    struct {
        unsigned char md5[MD5_SIZE];
        uint64_t size;
        unsigned suffix; /* to be asked for next; 0: no content */
        int64_t noted;
    } items[CONTENT_IDS_WRONG]; /* under lock */
};

void wrong_contents_init(struct wrong_contents *wrong);
void wrong_contents_release(struct wrong_contents *wrong);

/* The suffix with which the content is to be asked for; beyond CONTENT_ID_SUFFIXES no name is left.
 */
unsigned wrong_contents_suffix(struct wrong_contents *wrong, const unsigned char md5[MD5_SIZE],
                               uint64_t size, int64_t now);
/* What came with this suffix was wrong; returns the one to ask with next. */
unsigned wrong_contents_note(struct wrong_contents *wrong, const unsigned char md5[MD5_SIZE],
                             uint64_t size, unsigned suffix, int64_t now);

#endif
