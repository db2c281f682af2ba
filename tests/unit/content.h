/* SPDX-License-Identifier: MIT */
#ifndef UNIT_CONTENT_H
#define UNIT_CONTENT_H

#include "base/md5.h"

#include <stdint.h>
#include <stdlib.h>

/* Content that differs by `seed` and position, malloc'ed, and its digest. */
static inline char *content_new(size_t size, unsigned seed, unsigned char digest[MD5_SIZE])
{
    char *content = malloc(size);
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        content[i] = (char)(state >> 56);
    }
    struct md5 *md5 = md5_new();
    md5_update(md5, content, size);
    md5_finish(md5, digest);
    md5_free(md5);
    return content;
}

#endif
