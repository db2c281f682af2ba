/* SPDX-License-Identifier: MIT */
/* MD5, the digest of artifact content (protocol 8.2). Not for security. */
#ifndef BASE_MD5_H
#define BASE_MD5_H

#include <stdbool.h>
#include <stddef.h>

enum { MD5_SIZE = 16 };

struct md5; /* a running computation; one thread at a time */

/* NULL: no memory, or the crypto library refuses MD5. */
struct md5 *md5_new(void);
bool md5_update(struct md5 *md5, const void *data, size_t size);
bool md5_finish(struct md5 *md5, unsigned char digest[MD5_SIZE]);
void md5_free(struct md5 *md5);

#endif
