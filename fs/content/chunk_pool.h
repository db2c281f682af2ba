/* SPDX-License-Identifier: MIT */
/*
 * The memory for file content on its way from the network to the kernel: a
 * fixed number of chunks for all open files together. Everything needs the
 * caller's one lock.
 */
#ifndef FS_CHUNK_POOL_H
#define FS_CHUNK_POOL_H

#include "disk_blocks.h"

enum { CHUNK = 256 * 1024, CHUNK_BLOCKS = CHUNK / DISK_BLOCK };

struct chunk {
    const void *owner; /* NULL: free */
    uint64_t number;   /* offset in the owner's file / CHUNK */
    char *data;        /* CHUNK bytes, kept for the next owner; NULL until first needed */
    uint8_t present;   /* a bit for each block that holds its bytes */
    uint8_t wanted;    /* … that somebody is fetching; such a chunk stays */
    uint32_t seals[CHUNK_BLOCKS]; /* of the blocks that are present (remote_digest.h) */
    bool unhashed;                /* its digest will soon need it; such a chunk stays */
    bool consumed;                /* read to its end by a sequential reader */
    unsigned pins;                /* users of `data`; a pinned chunk stays */
    int64_t used;                 /* clock_milliseconds() */
};

struct chunk_pool {
    struct chunk *chunks;
    size_t count;
};

/* False: no memory. */
bool chunk_pool_init(struct chunk_pool *pool, size_t count);
void chunk_pool_release(struct chunk_pool *pool);

struct chunk *chunk_find(const struct chunk_pool *pool, const void *owner, uint64_t number);
/* An empty chunk, if need be one that was used long ago. `modest`: for read-ahead, which takes only
 * what is of no more use to others. NULL: none to be had. */
struct chunk *chunk_take(struct chunk_pool *pool, const void *owner, uint64_t number, bool modest,
                         int64_t now);
/* Frees the owner's chunks; none may be pinned or wanted. */
void chunk_pool_drop(struct chunk_pool *pool, const void *owner);
/* Forgets the bytes of the owner's chunks. */
void chunk_pool_forget(struct chunk_pool *pool, const void *owner);
/* The owner's chunks need not stay for its digest. Whether any did. */
bool chunk_pool_unkeep(struct chunk_pool *pool, const void *owner);
/* Gives the memory of free chunks back. */
void chunk_pool_trim(struct chunk_pool *pool);

#endif
