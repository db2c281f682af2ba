/* SPDX-License-Identifier: MIT */
/* What of a remote file was fetched, what was read, and what is in memory. */
#include "base/banned.h"
#include "remote_internal.h"
#include "remote_progress.h"

enum { BLOCKS_MOST = 1 << 25 /* of larger files it is not remembered what was fetched and read */ };

bool remote_blocks_init(struct remote_file *file)
{
    uint64_t count = file->source.size / DISK_BLOCK + 1;
    if (count > BLOCKS_MOST)
        return true;
    file->fetched = calloc(count / REMOTE_WORD + 1, sizeof *file->fetched);
    file->read = calloc(count / REMOTE_WORD + 1, sizeof *file->read);
    file->come = calloc(count / REMOTE_WORD + 1, sizeof *file->come);
    return file->fetched && file->read && file->come;
}

void remote_blocks_free(struct remote_file *file)
{
    free(file->fetched);
    free(file->read);
    free(file->come);
}

bool remote_block_is(const uint64_t *blocks, uint64_t block)
{
    return blocks && (blocks[block / REMOTE_WORD] >> block % REMOTE_WORD & 1) != 0;
}

void remote_note_fetched(struct remote_file *file, uint64_t block, bool fetched)
{
    uint64_t bit = UINT64_C(1) << block % REMOTE_WORD;
    if (!file->fetched || remote_block_is(file->fetched, block) == fetched)
        return;
    file->fetched[block / REMOTE_WORD] ^= bit;
    if (!remote_block_is(file->read, block))
        file->unread += fetched ? 1 : -1;
}

void remote_note_read(struct remote_file *file, uint64_t offset, uint64_t end)
{
    readahead_note(&file->ahead, offset, end - offset);
    remote_progress_begin(file);
    for (uint64_t block = offset / DISK_BLOCK; file->read && block * DISK_BLOCK < end; block++) {
        if (remote_block_is(file->read, block))
            continue;
        file->read[block / REMOTE_WORD] |= UINT64_C(1) << block % REMOTE_WORD;
        file->unread -= remote_block_is(file->fetched, block);
    }
}

void remote_note_come(struct remote_file *file, uint64_t offset, uint64_t end,
                      enum progress_source source)
{
    remote_progress_add(file, end - offset, source);
    if (!file->come)
        file->arrival.bytes += end - offset;
    for (uint64_t at = offset; file->come && at < end; at += DISK_BLOCK) {
        uint64_t block = at / DISK_BLOCK;
        if (remote_block_is(file->come, block))
            continue;
        file->come[block / REMOTE_WORD] |= UINT64_C(1) << block % REMOTE_WORD;
        file->arrival.bytes += end - at < DISK_BLOCK ? end - at : DISK_BLOCK;
    }
}

void remote_note_on_disk(struct remote_file *file, uint64_t offset, uint64_t end)
{
    for (uint64_t block = offset / DISK_BLOCK; block * DISK_BLOCK < end; block++) {
        if (!remote_block_is(file->read, block))
            file->unread -= remote_block_is(file->fetched, block);
        file->read[block / REMOTE_WORD] |= UINT64_C(1) << block % REMOTE_WORD;
        remote_note_fetched(file, block, true);
    }
}

bool remote_all_read(const struct remote_file *file, uint64_t offset, uint64_t end)
{
    if (!file->read)
        return true;
    if (end > file->source.size)
        end = file->source.size;
    for (uint64_t block = offset / DISK_BLOCK; block * DISK_BLOCK < end; block++) {
        if (!remote_block_is(file->read, block))
            return false;
    }
    return true;
}

void stream_unwant(struct remote_file *file, uint64_t offset, uint64_t end)
{
    for (uint64_t number = offset / CHUNK; number * CHUNK < end; number++) {
        struct chunk *chunk = chunk_find(&file->files->pool, file, number);
        if (chunk)
            chunk->wanted &= (uint8_t)~chunk_mask(file, number, offset, end);
    }
    for (uint64_t block = offset / DISK_BLOCK; block * DISK_BLOCK < end; block++)
        remote_note_fetched(file, block, false);
}

uint8_t chunk_mask(const struct remote_file *file, uint64_t number, uint64_t offset, uint64_t end)
{
    uint64_t start = number * CHUNK;
    uint64_t size = file->source.size;
    uint8_t mask = 0;
    if (end > size)
        end = size;
    for (unsigned i = 0; i < CHUNK_BLOCKS; i++) {
        uint64_t block = start + (uint64_t)i * DISK_BLOCK;
        if (offset < end && block < end && block + DISK_BLOCK > offset)
            mask |= (uint8_t)(1U << i);
    }
    return mask;
}

bool remote_in_memory(const struct remote_file *file, uint64_t offset, uint64_t end)
{
    for (uint64_t number = offset / CHUNK; number * CHUNK < end; number++) {
        const struct chunk *chunk = chunk_find(&file->files->pool, file, number);
        uint8_t mask = chunk_mask(file, number, offset, end);
        if (!chunk || (chunk->present & mask) != mask)
            return false;
    }
    return true;
}
