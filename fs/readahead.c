/* SPDX-License-Identifier: MIT */
#include "readahead.h"

#include "disk_blocks.h"

/* The kernel's own read-ahead sends its requests slightly out of order. */
enum { DISORDER = 1 << 20 };

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void readahead_note(struct readahead *reader, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size;
    bool goes_on =
        reader->run > 0 && offset <= reader->next + DISORDER && end + DISORDER >= reader->next;
    if (goes_on || offset == 0) {
        if (!goes_on)
            *reader = (struct readahead){0};
        /* What was read before, or is asked for again, adds nothing. */
        reader->run += end > reader->next ? smaller(size, end - reader->next) : 0;
        reader->next = larger(reader->next, end);
    } else {
        *reader = (struct readahead){.next = end};
        /* One jump may be the start of a run: the next read tells. */
        reader->run = 1;
    }
}

static uint64_t window(const struct readahead *reader, uint64_t file_size, uint64_t largest)
{
    bool from_start = reader->run >= reader->next;
    uint64_t window = smaller(2 * reader->run, READAHEAD_LARGEST);
    if (from_start)
        window = larger(window, file_size <= READAHEAD_WHOLE ? READAHEAD_WHOLE : READAHEAD_FIRST);
    return smaller(window, larger(largest, READAHEAD_FIRST));
}

bool readahead_next(const struct readahead *reader, uint64_t file_size, uint64_t largest,
                    uint64_t *from, uint64_t *to)
{
    uint64_t ahead = window(reader, file_size, largest);
    uint64_t end = smaller(file_size, reader->next + ahead);
    uint64_t start = larger(reader->planned, reader->next) / DISK_BLOCK * DISK_BLOCK;
    uint64_t stream = larger(READAHEAD_STREAM_MIN, smaller(READAHEAD_STREAM, ahead / 4));
    if (reader->run <= 1 || start >= end)
        return false;
    if (reader->planned == 0)
        stream = ahead; /* the first bytes and what follows: one request */
    *from = start;
    *to = smaller(file_size, (start + stream) / DISK_BLOCK * DISK_BLOCK);
    /* Many small requests cost more than they gain: wait until a whole stream fits the window. */
    return *to > *from && *to <= end;
}
