/* SPDX-License-Identifier: MIT */
/*
 * What several processes with one cache directory read at once is fetched by one of them: who is
 * about to fetch a range puts a lock on it that says so. The lock is advice: nobody waits for it,
 * and the kernel ends it with its process (fcntl(2), locks of open file descriptions). Where there
 * can be none, on a disk that is read-only or full, everybody fetches.
 *
 * Calls may block on the local disk; any thread.
 */
#ifndef FS_DISK_SINGLE_FLIGHT_H
#define FS_DISK_SINGLE_FLIGHT_H

#include "disk_cache.h"

struct opened;

struct disk_flight {
    struct opened *opened; /* has the lock; NULL: none */
    uint64_t from, until;
};

/* Begins the fetch of what is missing from `offset` up to *end, or up to where another process
 * fetches: *end is moved there. False: another process fetches from `offset` up to *end. */
bool disk_flight_begin(struct disk_file *file, uint64_t offset, uint64_t *end,
                       struct disk_flight *flight);
/* After what was fetched is on disk. */
void disk_flight_end(struct disk_flight *flight);

#endif
