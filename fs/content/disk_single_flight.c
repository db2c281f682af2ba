/* SPDX-License-Identifier: MIT */
#include "disk_single_flight.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "disk_internal.h"
#include "private_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    TRIES = 3, /* a lock may go between the refusal and the question whose it is */
    /* In the file of locks a byte stands for a block: this many of one content, LARGEST_FILE. */
    BLOCK_BITS = 29,
    CONTENT_BITS = 33, /* of the digest; two contents that share them wait for each other in vain */
};

/* An empty file that only has locks. A description of its own each time: two of one process keep
 * each other off, too. -1: none. */
static int open_locks(struct disk_cache *cache)
{
    char path[PATH_MAX];
    struct stat status;
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    if (!disk_may_write(cache) ||
        snprintf(path, sizeof path, "%s/flights", cache->directory) >= PATH_MAX)
        return -1;
    cleanup_close int descriptor = open(path, flags, 0600);
    if (descriptor < 0 && errno == ENOENT && disk_place_make_folders(path))
        descriptor = open(path, flags, 0600);
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || !is_private(&status))
        return -1;
    int opened = descriptor;
    descriptor = -1;
    return opened;
}

static uint64_t first_byte(const struct disk_file *file)
{
    uint64_t content;
    memcpy(&content, file->key.md5, sizeof content);
    return (content >> (64 - CONTENT_BITS)) << BLOCK_BITS;
}

static struct flock range_of(const struct disk_file *file, uint64_t offset, uint64_t end)
{
    return (struct flock){
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)(first_byte(file) + offset / DISK_BLOCK),
        .l_len = (off_t)((end + DISK_BLOCK - 1) / DISK_BLOCK - offset / DISK_BLOCK),
    };
}

/* The first part of the range that somebody else has. False: nobody has any now. */
static bool find_other(const struct disk_file *file, int descriptor, uint64_t offset, uint64_t end,
                       uint64_t *from, uint64_t *until)
{
    struct flock range = range_of(file, offset, end);
    if (fcntl(descriptor, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK)
        return false;
    /* A stranger's may begin anywhere, and has the length 0 if it has no end. */
    uint64_t first = first_byte(file), start = (uint64_t)range.l_start;
    uint64_t stop = range.l_len > 0 ? start + (uint64_t)range.l_len - first : UINT64_MAX;
    *from = start > first + offset / DISK_BLOCK ? (start - first) * DISK_BLOCK : offset;
    *until = stop <= end / DISK_BLOCK ? stop * DISK_BLOCK : end;
    return true;
}

bool disk_flight_begin(struct disk_file *file, uint64_t offset, uint64_t *end,
                       struct disk_flight *flight)
{
    cleanup_close int descriptor = open_locks(file->cache);
    flight->descriptor = -1;
    /* Others may have begun it since this process looked. */
    atomic_store(&file->absent, false);
    for (int tries = 0; descriptor >= 0 && tries < TRIES; tries++) {
        uint64_t from, until;
        struct flock range = range_of(file, offset, *end);
        if (fcntl(descriptor, F_OFD_SETLK, &range) == 0) {
            flight->descriptor = descriptor;
            descriptor = -1;
            return true;
        }
        if (!find_other(file, descriptor, offset, *end, &from, &until))
            continue;
        *end = from == offset ? until : from;
        if (from == offset)
            return false;
    }
    return true;
}

void disk_flight_end(struct disk_flight *flight)
{
    if (flight->descriptor >= 0)
        close(flight->descriptor); /* and with it goes the lock */
    flight->descriptor = -1;
}
