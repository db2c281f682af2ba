/* SPDX-License-Identifier: MIT */
/*
 * Contents of a cache directory that are not removed to make room: those of a version, until a
 * time. pins/ in the directory has a file for each such version. What a file there cannot be read
 * for is not pinned. Blocks on the local disk; any thread, any process of the owner.
 */
#ifndef FS_DISK_PINS_H
#define FS_DISK_PINS_H

#include "disk_place.h"

#include <time.h>

/* One pinned version. */
struct disk_pin {
    const char *name; /* one line */
    time_t until;
    const struct disk_key *keys;
    size_t count;
};

/* Pins it, in place of what was pinned under that name. False with errno. */
bool disk_pins_add(const char *directory, const struct disk_pin *pin);
/* False with errno; ENOENT: nothing is pinned under that name. */
bool disk_pins_remove(const char *directory, const char *name);

/* Calls with each pin that is not over, borrowed, until that returns false; removes those that are
 * over. False with errno: they cannot be looked through. */
bool disk_pins_each(const char *directory, time_t now,
                    bool (*each)(void *context, const struct disk_pin *pin), void *context);

/* All pinned contents, each once. Start with zeros. */
struct disk_pinned {
    struct disk_key *keys; /* owned, ordered */
    size_t count, capacity;
};

/* False with errno. */
bool disk_pinned_load(struct disk_pinned *pinned, const char *directory, time_t now);
/* Adds contents, which are known after disk_pinned_order(). False: no memory. */
bool disk_pinned_add(struct disk_pinned *pinned, const struct disk_key *keys, size_t count);
void disk_pinned_order(struct disk_pinned *pinned);
bool disk_pinned_has(const struct disk_pinned *pinned, const struct disk_key *key);
/* Bytes of all of them. */
uint64_t disk_pinned_bytes(const struct disk_pinned *pinned);
void disk_pinned_release(struct disk_pinned *pinned);

#endif
