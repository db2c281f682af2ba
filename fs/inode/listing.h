/* SPDX-License-Identifier: MIT */
/*
 * What a directory held when the server was asked: a reference counted
 * snapshot, in the server's order, with an index by name. A complete one is
 * immutable: any thread may read it while it holds a reference. One that grows
 * page by page is read and changed under nodes->lock; entries that are there
 * keep their numbers and names, since the first of two equal names stays.
 */
#ifndef FS_LISTING_H
#define FS_LISTING_H

#include "client.h"

#include <stdint.h>

struct entry {
    char *name;   /* file name, owned by the listing */
    void *object; /* a reference */
    int64_t gone; /* under nodes->lock: when the server, asked for it alone, did not have it; 0 */
};

/* How a listing goes on that is not complete. */
struct growth {
    struct page page;   /* where the next page starts */
    unsigned pages;     /* that were added */
    unsigned active;    /* calls that are fetching one just now */
    int64_t progressed; /* clock_nanoseconds() when the last one came */
    size_t reached;     /* entries that the furthest reader has had */
    bool whole;         /* to be read to the end, although nobody waits for it yet */
    bool slow;          /* nobody should wait for the next page with a lock of the kernel's */
    bool duplicates;    /* were reported */
};

struct listing {
    struct object counted;
    struct growth *growth; /* NULL: complete */
    int64_t fetched;       /* clock_nanoseconds() when the asking began; 0: it has not */
    int64_t completed;     /* and when all of it was there */
    size_t count;
    size_t capacity;
    struct entry *entries;
    uint32_t *index; /* open addressing, entry number + 1; index_size is a power of two */
    size_t index_size;
    void **
        sorted; /* the entries' objects in a second order, where a directory needs one; else NULL */
    struct object_list below; /* of a version's files: all of them, ordered by path */
};

struct listing *listing_new(int64_t fetched);
/* One that pages are yet to be added to. NULL: no memory. */
struct listing *listing_new_growing(void);
/* Gives a listing without entries all that another one has. */
void listing_take(struct listing *listing, struct listing *other);
/* No more is to come. */
void listing_complete(struct listing *listing);
/* Adds while the listing is being built. Takes a reference of the object. Two objects whose cut
 * names meet both stay reachable; a second one of the very same name is left out: *duplicate says
 * so. False: no memory. */
bool listing_add(struct listing *listing, struct text original, const void *object,
                 bool *duplicate);
/* The same for what has a file name already. */
bool listing_add_named(struct listing *listing, const char *name, const void *object);
struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing);
/* Notes under nodes->lock that the server, asked for that name at `gone`, did not have it any more;
 * 0: it has. A listing from later than that stays as it is. */
void listing_note_gone(struct listing *listing, const char *name, int64_t gone);
/* NULL when the name is not there. */
const struct entry *listing_find(const struct listing *listing, const char *name);

#endif
