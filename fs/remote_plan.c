/* SPDX-License-Identifier: MIT */
/* Which ranges of remote files are fetched, and when: what is demanded, and what is read ahead. */
#include "base/banned.h"
#include "base/clock.h"
#include "remote_internal.h"

/* Makes a place for the block and marks it as being fetched. False: it is there or on its way
 * already, or (*full) there is no memory for it. */
static bool want_block(struct remote_file *file, uint64_t offset, bool modest, bool *full)
{
    struct chunk_pool *pool = &file->files->pool;
    uint64_t number = offset / CHUNK;
    uint8_t bit = chunk_mask(file, number, offset, offset + 1);
    struct chunk *chunk = chunk_find(pool, file, number);
    if (chunk && ((chunk->present | chunk->wanted) & bit))
        return false;
    if (!chunk)
        chunk = chunk_take(pool, file, number, modest, clock_milliseconds());
    if (!chunk && !modest && digest_yield(file->files))
        chunk = chunk_take(pool, file, number, modest, clock_milliseconds());
    *full = !chunk;
    if (chunk)
        chunk->wanted |= bit;
    return chunk != NULL;
}

static struct stream *stream_new(struct remote_file *file, uint64_t offset, uint64_t end)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->file = file;
    stream->offset = stream->position = stream->part = stream->published = offset;
    stream->end = end;
    stream->next = file->streams;
    file->streams = stream;
    file->references++;
    file->files->streams++;
    return stream;
}

void stream_unwant(struct remote_file *file, uint64_t offset, uint64_t end)
{
    for (uint64_t number = offset / CHUNK; number * CHUNK < end; number++) {
        struct chunk *chunk = chunk_find(&file->files->pool, file, number);
        if (chunk)
            chunk->wanted &= (uint8_t)~chunk_mask(file, number, offset, end);
    }
}

struct stream *stream_plan(struct remote_file *file, uint64_t offset, uint64_t demanded,
                           uint64_t end, bool *starved)
{
    struct remote_files *files = file->files;
    struct stream *streams = NULL;
    uint64_t block = offset / DISK_BLOCK * DISK_BLOCK;
    *starved = false;
    while (block < end && !files->stopping) {
        uint64_t start = block;
        bool full = false;
        if (block >= demanded && files->streams + RESERVED_STREAMS >= files->width)
            break;
        while (block < end && want_block(file, block, block >= demanded, &full))
            block += DISK_BLOCK;
        if (block > start) {
            uint64_t stop = block < file->source.size ? block : file->source.size;
            struct stream *stream = stream_new(file, start, stop);
            if (!stream) {
                stream_unwant(file, start, stop);
                full = true;
            } else {
                stream->planned = streams;
                streams = stream;
            }
        }
        if (full) {
            *starved = block < demanded;
            break;
        }
        if (block == start)
            block += DISK_BLOCK;
    }
    return streams;
}

uint64_t remote_largest_window(struct remote_reader *reader)
{
    struct remote_files *files = reader->file->files;
    int64_t second = clock_milliseconds() / 1000;
    if (files->epoch != second) {
        files->active_last_second = files->epoch + 1 == second ? files->active : 0;
        files->active = 0;
        files->epoch = second;
    }
    if (reader->epoch != second) {
        reader->epoch = second;
        files->active++;
    }
    unsigned active =
        files->active > files->active_last_second ? files->active : files->active_last_second;
    return (uint64_t)files->pool.count * CHUNK / 2 / active;
}

void remote_read_ahead(struct remote_reader *reader, bool disk)
{
    struct remote_file *file = reader->file;
    uint64_t from, to;
    bool present = false, starved;
    struct stream *streams = NULL;
    pthread_mutex_lock(&file->files->lock);
    bool more = readahead_next(&reader->ahead, file->source.size, remote_largest_window(reader),
                               &from, &to);
    pthread_mutex_unlock(&file->files->lock);
    if (!more)
        return;
    if (file->disk && disk) {
        uint64_t run = disk_file_run(file->disk, from, to, &present);
        to = present ? run : to;
    }
    if (present)
        disk_file_prefetch(file->disk, from, to - from);
    pthread_mutex_lock(&file->files->lock);
    if (!present)
        streams = stream_plan(file, from, from, to, &starved);
    if (reader->ahead.planned < to)
        reader->ahead.planned = to;
    pthread_mutex_unlock(&file->files->lock);
    stream_submit(streams);
}
