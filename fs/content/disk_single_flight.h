/* SPDX-License-Identifier: MIT */
/*
 * What is read at once by several who share a cache directory, processes or versions of one mount,
 * is fetched by one of them: who is about to fetch a range puts a lock on it that says so. The lock
 * is advice: nobody waits for it, and the kernel ends it with its process (fcntl(2), locks of open
 * file descriptions). Where there can be none, on a disk that is read-only or full, all fetch.
 *
 * Calls may block on the local disk; any thread.
 */
#ifndef FS_DISK_SINGLE_FLIGHT_H
#define FS_DISK_SINGLE_FLIGHT_H

#include "disk_cache.h"

struct disk_flight {
    int descriptor; /* has the lock; -1: none */
};

/* Begins the fetch of what is missing from `offset`, the begin of a block, up to *end, or up to
 * where somebody else fetches: *end is moved there. False: somebody else fetches from `offset` up
 * to *end. */
bool disk_flight_begin(struct disk_file *file, uint64_t offset, uint64_t *end,
                       struct disk_flight *flight);
/* After what was fetched is on disk. None is fine. */
void disk_flight_end(struct disk_flight *flight);

#endif
