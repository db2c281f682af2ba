/* SPDX-License-Identifier: MIT */
/*
 * A bounded number of open descriptors for any number of files that are in use:
 * each file has a slot, which is empty while its descriptors are closed. Those
 * that nobody is using now are closed when others need the room, longest unused
 * first. Any thread; closes outside its lock.
 */
#ifndef FS_DESCRIPTOR_POOL_H
#define FS_DESCRIPTOR_POOL_H

#include <pthread.h>
#include <stdbool.h>

/* What a slot holds: embedded, first, in what has the descriptors. */
struct pooled {
    unsigned descriptors;           /* how many; immutable */
    void (*close)(struct pooled *); /* closes and frees; immutable */
    unsigned references;            /* users and the slot; this and what follows: the pool's */
    struct pooled **slot;           /* NULL: dropped */
    struct pooled *newer, *older;
};

struct descriptor_pool {
    pthread_mutex_t lock;
    struct pooled *newest, *oldest; /* under lock */
    unsigned open, limit;           /* descriptors in slots; under lock */
};

void descriptor_pool_init(struct descriptor_pool *pool, unsigned limit);
/* All slots must be empty. */
void descriptor_pool_release(struct descriptor_pool *pool);

/* A reference to what the slot holds; NULL: nothing. */
struct pooled *pooled_get(struct descriptor_pool *pool, struct pooled **slot);
/* Puts what was opened into the slot, and takes a reference for the caller; closes it and returns
 * what somebody else has put there meanwhile. */
struct pooled *pooled_put(struct descriptor_pool *pool, struct pooled **slot,
                          struct pooled *opened);
void pooled_unref(struct descriptor_pool *pool, struct pooled *pooled);
/* Empties the slot, if it holds this or, with NULL, whatever it holds; its users go on with it. */
void pooled_drop(struct descriptor_pool *pool, struct pooled **slot, const struct pooled *pooled);

#endif
