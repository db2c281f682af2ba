/* SPDX-License-Identifier: MIT */
/*
 * The disk cache's room: a limit that all processes keep together, and the
 * removal of what was least recently used. How much is used stands in the file
 * `lock` of the cache directory, changed under a brief flock. A thread of its
 * own counts what is there and removes the oldest before the room is used up;
 * whoever reserves waits for it for a second at most, and not again before it
 * has come to an end. Blocks on disk; any thread.
 */
#ifndef FS_DISK_SPACE_H
#define FS_DISK_SPACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct disk_space {
    const char *directory;    /* borrowed */
    uint64_t limit;           /* bytes */
    _Atomic int64_t credit;   /* bytes counted as used but not yet written by this process */
    _Atomic uint64_t writing; /* bytes that were reserved and are not on disk yet */
    _Atomic uint64_t used;    /* as last seen, for figures */
    atomic_bool stopping;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;  /* of the thread */
    pthread_cond_t ended; /* a round has */
    pthread_t thread;
    bool has_thread;
    bool wanted;      /* a round is to begin */
    bool running;     /* one is under way */
    bool counted;     /* a round has ended well */
    bool late;        /* somebody has waited for this round in vain */
    unsigned round;   /* that have ended */
    int failure;      /* errno of the last one; 0: there is room */
    uint64_t missing; /* bytes that somebody waits for */
    int64_t unasked;  /* clock_milliseconds(): before, only those who wait begin a round */
};

/* Starts no thread yet. */
void disk_space_init(struct disk_space *space, const char *directory, uint64_t limit);
/* Ends the thread and gives this process's credit back. */
void disk_space_release(struct disk_space *space);

/* Room for `bytes` more. False with errno: ENOSPC when limit or disk leave none even after
 * removals, EBUSY while it is being counted or made, EWOULDBLOCK when somebody keeps the lock, else
 * why the directory cannot be used. */
bool disk_space_reserve(struct disk_space *space, uint64_t bytes);
/* What was reserved is on disk. */
void disk_space_written(struct disk_space *space, uint64_t bytes);
/* Gives back what was reserved and not written. */
void disk_space_return(struct disk_space *space, uint64_t bytes);

/* How many bytes of the disk that the directory is on a cache may still take: a part of each disk
 * is left free. 0 also where it cannot be told. */
uint64_t disk_space_free(const char *directory);

#endif
