/* SPDX-License-Identifier: MIT */
#include "chunk_pool.h"

#include "base/banned.h"

/* Read-ahead that nobody has come for in so long may make place for other read-ahead. */
enum { IDLE_MS = 1000 };

bool chunk_pool_init(struct chunk_pool *pool, size_t count)
{
    pool->chunks = calloc(count, sizeof *pool->chunks);
    pool->count = pool->chunks ? count : 0;
    return pool->chunks != NULL;
}

void chunk_pool_release(struct chunk_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        free(pool->chunks[i].data);
    free(pool->chunks);
    *pool = (struct chunk_pool){0};
}

struct chunk *chunk_find(const struct chunk_pool *pool, const void *owner, uint64_t number)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->chunks[i].owner == owner && pool->chunks[i].number == number)
            return &pool->chunks[i];
    }
    return NULL;
}

static bool may_go(const struct chunk *chunk, bool modest, int64_t now)
{
    if (chunk->pins > 0 || chunk->wanted || chunk->unhashed)
        return false;
    return !modest || chunk->consumed || chunk->used + IDLE_MS < now;
}

/* Whether `chunk` is the better victim: free and with memory, free, read to its end, oldest. */
static bool goes_before(const struct chunk *chunk, const struct chunk *other)
{
    if (!chunk->owner || !other->owner)
        return !chunk->owner && (other->owner || (chunk->data && !other->data));
    if (chunk->consumed != other->consumed)
        return chunk->consumed;
    return chunk->used < other->used;
}

struct chunk *chunk_take(struct chunk_pool *pool, const void *owner, uint64_t number, bool modest,
                         int64_t now)
{
    struct chunk *best = NULL;
    for (size_t i = 0; i < pool->count; i++) {
        struct chunk *chunk = &pool->chunks[i];
        if ((!chunk->owner || may_go(chunk, modest, now)) && (!best || goes_before(chunk, best)))
            best = chunk;
    }
    if (best)
        *best = (struct chunk){.owner = owner, .number = number, .data = best->data, .used = now};
    return best;
}

void chunk_pool_drop(struct chunk_pool *pool, const void *owner)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->chunks[i].owner == owner)
            pool->chunks[i] = (struct chunk){.data = pool->chunks[i].data};
    }
}

void chunk_pool_forget(struct chunk_pool *pool, const void *owner)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->chunks[i].owner == owner)
            pool->chunks[i].present = pool->chunks[i].unhashed = 0;
    }
}

bool chunk_pool_unkeep(struct chunk_pool *pool, const void *owner)
{
    bool any = false;
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->chunks[i].owner != owner || !pool->chunks[i].unhashed)
            continue;
        pool->chunks[i].unhashed = false;
        any = true;
    }
    return any;
}

void chunk_pool_trim(struct chunk_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->chunks[i].owner)
            continue;
        free(pool->chunks[i].data);
        pool->chunks[i].data = NULL;
    }
}
