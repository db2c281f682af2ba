/* SPDX-License-Identifier: MIT */
/*
 * The disk cache's room: a limit that all processes keep together, and the
 * removal of what was least recently used. The count stands in the file `lock`
 * of the cache directory, changed only under flock. Blocks on disk and on that
 * lock; any thread.
 */
#ifndef FS_DISK_SPACE_H
#define FS_DISK_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct disk_space {
    const char *directory;    /* borrowed */
    uint64_t limit;           /* bytes */
    _Atomic int64_t credit;   /* bytes counted as used but not yet written by this process */
    _Atomic uint64_t writing; /* bytes that were reserved and are not on disk yet */
    _Atomic uint64_t used;    /* as last seen, for figures */
    atomic_bool counted;      /* this process has counted the directory once */
};

/* Room for `bytes` more. False with errno: ENOSPC when limit or disk leave none even after
 * removals, else why the directory cannot be used. */
bool disk_space_reserve(struct disk_space *space, uint64_t bytes);
/* What was reserved is on disk. */
void disk_space_written(struct disk_space *space, uint64_t bytes);
/* Gives back what was reserved and not written. */
void disk_space_return(struct disk_space *space, uint64_t bytes);
/* Gives back this process's credit at its end. */
void disk_space_settle(struct disk_space *space);

#endif
