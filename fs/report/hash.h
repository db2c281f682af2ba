/* SPDX-License-Identifier: MIT */
/* One hash for name tables, inode numbers and cut names: FNV-1a with a final mix, not for secrets.
 */
#ifndef FS_HASH_H
#define FS_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t size)
{
    uint64_t hash = seed ^ 0xcbf29ce484222325u;
    for (const unsigned char *at = bytes, *end = at + size; at < end; at++)
        hash = (hash ^ *at) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

#endif
