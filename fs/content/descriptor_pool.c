/* SPDX-License-Identifier: MIT */
#include "descriptor_pool.h"

#include "base/banned.h"

void descriptor_pool_init(struct descriptor_pool *pool, unsigned limit)
{
    *pool = (struct descriptor_pool){.limit = limit};
    pthread_mutex_init(&pool->lock, NULL);
}

void descriptor_pool_release(struct descriptor_pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
}

static void link_newest(struct descriptor_pool *pool, struct pooled *pooled)
{
    pooled->newer = NULL;
    pooled->older = pool->newest;
    if (pool->newest)
        pool->newest->newer = pooled;
    else
        pool->oldest = pooled;
    pool->newest = pooled;
}

static void unlink_pooled(struct descriptor_pool *pool, struct pooled *pooled)
{
    if (pooled->newer)
        pooled->newer->older = pooled->older;
    else
        pool->newest = pooled->older;
    if (pooled->older)
        pooled->older->newer = pooled->newer;
    else
        pool->oldest = pooled->newer;
}

/* Takes it out of its slot; true: nobody uses it, the caller closes it without the lock. */
static bool empty_slot(struct descriptor_pool *pool, struct pooled *pooled)
{
    unlink_pooled(pool, pooled);
    *pooled->slot = NULL;
    pooled->slot = NULL;
    pool->open -= pooled->descriptors;
    return --pooled->references == 0;
}

/* Takes out what is too much and not in use, linked by `older`. */
static struct pooled *take_surplus(struct descriptor_pool *pool)
{
    struct pooled *surplus = NULL;
    for (struct pooled *at = pool->oldest, *newer; at && pool->open > pool->limit; at = newer) {
        newer = at->newer;
        if (at->references > 1)
            continue;
        empty_slot(pool, at);
        at->older = surplus;
        surplus = at;
    }
    return surplus;
}

static void close_all(struct pooled *surplus)
{
    for (struct pooled *next; surplus; surplus = next) {
        next = surplus->older;
        surplus->close(surplus);
    }
}

struct pooled *pooled_get(struct descriptor_pool *pool, struct pooled **slot)
{
    pthread_mutex_lock(&pool->lock);
    struct pooled *found = *slot;
    if (found) {
        found->references++;
        unlink_pooled(pool, found);
        link_newest(pool, found);
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

struct pooled *pooled_put(struct descriptor_pool *pool, struct pooled **slot, struct pooled *opened)
{
    pthread_mutex_lock(&pool->lock);
    struct pooled *found = *slot;
    struct pooled *surplus = NULL;
    if (found) {
        found->references++;
    } else {
        opened->references = 2;
        opened->slot = slot;
        *slot = opened;
        link_newest(pool, opened);
        pool->open += opened->descriptors;
        surplus = take_surplus(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    close_all(surplus);
    if (!found)
        return opened;
    opened->close(opened);
    return found;
}

void pooled_unref(struct descriptor_pool *pool, struct pooled *pooled)
{
    pthread_mutex_lock(&pool->lock);
    bool last = --pooled->references == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        pooled->close(pooled);
}

void pooled_drop(struct descriptor_pool *pool, struct pooled **slot, const struct pooled *pooled)
{
    pthread_mutex_lock(&pool->lock);
    struct pooled *found = *slot;
    bool last = found && (!pooled || pooled == found) && empty_slot(pool, found);
    pthread_mutex_unlock(&pool->lock);
    if (last)
        found->close(found);
}
