/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include "base/banned.h"
#include "base/clock.h"
#include "report/hash.h"
#include "text/name.h"

enum { SMALLEST_INDEX = 16, MOST_SALTS = 16 };

struct listing *listing_new(int64_t fetched)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing)
        return NULL;
    atomic_init(&listing->counted.references, 1);
    listing->fetched = fetched;
    return listing;
}

struct listing *listing_new_growing(void)
{
    struct listing *listing = listing_new(0);
    struct growth *growth = calloc(1, sizeof *growth);
    if (!listing || !growth) {
        free(listing);
        free(growth);
        return NULL;
    }
    listing->growth = growth;
    return listing;
}

static void free_growth(struct listing *listing)
{
    if (!listing->growth)
        return;
    page_release(&listing->growth->page);
    free(listing->growth);
    listing->growth = NULL;
}

void listing_complete(struct listing *listing)
{
    free_growth(listing);
    listing->completed = clock_nanoseconds();
}

void listing_take(struct listing *listing, struct listing *other)
{
    listing->count = other->count;
    listing->capacity = other->capacity;
    listing->entries = other->entries;
    listing->index = other->index;
    listing->index_size = other->index_size;
    listing->sorted = other->sorted;
    listing->below = other->below;
    other->count = other->capacity = other->index_size = 0;
    other->entries = NULL;
    other->index = NULL;
    other->sorted = NULL;
    other->below = (struct object_list){0};
}

struct listing *listing_ref(struct listing *listing)
{
    return object_ref(listing); /* `counted` comes first; NULL stays NULL */
}

void listing_unref(struct listing *listing)
{
    if (!listing)
        return;
    if (atomic_fetch_sub_explicit(&listing->counted.references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->entries[i].name);
        object_unref(listing->entries[i].object);
    }
    free_growth(listing);
    free(listing->entries);
    free(listing->index);
    free(listing->sorted);
    object_list_release(&listing->below);
    free(listing);
}

/* The slot that holds the name, or the free one where it would go. */
static size_t slot_of(const struct listing *listing, const char *name)
{
    size_t mask = listing->index_size - 1;
    size_t slot = hash_bytes(0, name, strlen(name)) & mask;
    while (listing->index[slot] &&
           strcmp(listing->entries[listing->index[slot] - 1].name, name) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

const struct entry *listing_find(const struct listing *listing, const char *name)
{
    if (listing->index_size == 0)
        return NULL;
    uint32_t number = listing->index[slot_of(listing, name)];
    return number ? &listing->entries[number - 1] : NULL;
}

void listing_note_gone(struct listing *listing, const char *name, int64_t gone)
{
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    if (entry && (!gone || listing->fetched <= gone))
        listing->entries[entry - listing->entries].gone = gone;
}

static bool grow_index(struct listing *listing)
{
    size_t size = listing->index_size ? listing->index_size * 2 : SMALLEST_INDEX;
    uint32_t *index = calloc(size, sizeof *index);
    if (!index)
        return false;
    free(listing->index);
    listing->index = index;
    listing->index_size = size;
    for (size_t i = 0; i < listing->count; i++)
        index[slot_of(listing, listing->entries[i].name)] = (uint32_t)i + 1;
    return true;
}

static bool grow_entries(struct listing *listing)
{
    size_t capacity =
        listing->capacity ? listing->capacity + listing->capacity / 2 : SMALLEST_INDEX;
    struct entry *entries = realloc(listing->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    listing->entries = entries;
    listing->capacity = capacity;
    return true;
}

static bool make_room(struct listing *listing)
{
    if (listing->count == listing->capacity && !grow_entries(listing))
        return false;
    return listing->count * 2 < listing->index_size || grow_index(listing);
}

/* Needs room; the name is not there. */
static bool append(struct listing *listing, const char *name, const void *object)
{
    char *copy = strdup(name);
    if (!copy)
        return false;
    size_t slot = slot_of(listing, name);
    listing->entries[listing->count] = (struct entry){copy, object_ref(object), 0};
    listing->index[slot] = (uint32_t)++listing->count;
    return true;
}

bool listing_add(struct listing *listing, struct text original, const void *object, bool *duplicate)
{
    if (!make_room(listing))
        return false;
    char name[NAME_LIMIT + 1];
    *duplicate = true;
    for (unsigned salt = 0; salt < MOST_SALTS; salt++) {
        name_escape(original, salt, name);
        if (listing->index[slot_of(listing, name)]) {
            if (!name_needs_listing(name))
                return true;
            continue;
        }
        *duplicate = false;
        return append(listing, name, object);
    }
    return true;
}

bool listing_add_named(struct listing *listing, const char *name, const void *object)
{
    return make_room(listing) &&
           (listing->index[slot_of(listing, name)] || append(listing, name, object));
}
