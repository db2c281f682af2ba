/* SPDX-License-Identifier: MIT */
/* Looks through a cache directory: how much is there, and what was not used for longest. Takes the
 * same memory for any number of contents. Blocks on the local disk; any thread. */
#ifndef FS_DISK_SCAN_H
#define FS_DISK_SCAN_H

#include "disk_place.h"

#include <stdatomic.h>

/* A content found on disk. */
struct found_content {
    int64_t used; /* wall clock, nanoseconds */
    uint64_t bytes;
    struct disk_key key;
    unsigned char server[MD5_SIZE];
    bool verified;
};

struct disk_scan {
    uint64_t bytes; /* of everything */
    uint64_t count; /* of contents that are not pinned (disk_pins.h) */
    /* The oldest of these, oldest first. Owned. */
    struct found_content *oldest;
    size_t oldest_count;
};

/* Ends early when *stopping. False with errno. */
bool disk_scan(struct disk_scan *scan, const char *directory, const atomic_bool *stopping);
void disk_scan_release(struct disk_scan *scan);

/* Removes a content unless some process has it open. */
bool disk_scan_remove(const char *directory, const struct found_content *found);

#endif
