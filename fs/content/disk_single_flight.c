/* SPDX-License-Identifier: MIT */
#include "disk_single_flight.h"

#include "base/banned.h"
#include "disk_internal.h"

#include <fcntl.h>

enum { TRIES = 3 /* a lock may go between the refusal and the question whose it is */ };

/* Beyond all contents, where those who write into the file have their locks (disk_blocks.c). */
static const uint64_t BEYOND = UINT64_C(1) << 61;

static struct flock range_of(uint64_t from, uint64_t until, short type)
{
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)(BEYOND + from),
                          .l_len = (off_t)(until - from)};
}

static bool set_lock(const struct opened *opened, uint64_t from, uint64_t until, short type)
{
    struct flock range = range_of(from, until, type);
    return fcntl(disk_blocks_descriptor(opened->blocks), F_OFD_SETLK, &range) == 0;
}

/* The first part of the range that somebody else has. False: nobody has any now. */
static bool find_other(const struct opened *opened, uint64_t offset, uint64_t end, uint64_t *from,
                       uint64_t *until)
{
    struct flock range = range_of(offset, end, F_WRLCK);
    if (fcntl(disk_blocks_descriptor(opened->blocks), F_OFD_GETLK, &range) != 0 ||
        range.l_type == F_UNLCK)
        return false;
    uint64_t start = (uint64_t)range.l_start - BEYOND, length = (uint64_t)range.l_len;
    *from = start > offset ? start : offset;
    *until = length > 0 && start + length < end ? start + length : end;
    return true;
}

bool disk_flight_begin(struct disk_file *file, uint64_t offset, uint64_t *end,
                       struct disk_flight *flight)
{
    struct opened *opened = disk_open_for_writing(file);
    *flight = (struct disk_flight){0};
    if (!opened || !opened->blocks || !disk_blocks_writable(opened->blocks)) {
        disk_opened_release(&opened);
        return true;
    }
    for (int tries = 0; tries < TRIES; tries++) {
        uint64_t from, until;
        if (set_lock(opened, offset, *end, F_WRLCK)) {
            *flight = (struct disk_flight){opened, offset, *end};
            return true;
        }
        if (!find_other(opened, offset, *end, &from, &until))
            continue;
        if (from == offset) {
            *end = until;
            disk_opened_release(&opened);
            return false;
        }
        *end = from;
    }
    disk_opened_release(&opened);
    return true;
}

void disk_flight_end(struct disk_flight *flight)
{
    if (!flight->opened)
        return;
    set_lock(flight->opened, flight->from, flight->until, F_UNLCK);
    disk_opened_release(&flight->opened);
    flight->opened = NULL;
}
