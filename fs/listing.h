/* SPDX-License-Identifier: MIT */
/*
 * What a directory held when the server was asked: an immutable, reference
 * counted snapshot, in the server's order, with an index by name. Any thread
 * may read it while it holds a reference.
 */
#ifndef FS_LISTING_H
#define FS_LISTING_H

#include "base/object.h"

#include <stdint.h>

struct entry {
    char *name;   /* file name, owned by the listing */
    void *object; /* a reference */
};

struct listing {
    struct object counted;
    int64_t fetched;   /* clock_nanoseconds() when the asking began */
    int64_t completed; /* and when all of it was there */
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
/* Adds while the listing is being built. Takes a reference of the object. Two objects whose cut
 * names meet both stay reachable; a second one of the very same name is left out: *duplicate says
 * so. False: no memory. */
bool listing_add(struct listing *listing, struct text original, const void *object,
                 bool *duplicate);
/* The same for what has a file name already. */
bool listing_add_named(struct listing *listing, const char *name, const void *object);
struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing);
/* NULL when the name is not there. */
const struct entry *listing_find(const struct listing *listing, const char *name);

#endif
