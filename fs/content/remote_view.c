/* SPDX-License-Identifier: MIT */
/* What a reader is shown: bytes of chunks, pinned, or a copy of what the disk has. */
#include "remote_view.h"
#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "remote_digest.h"
#include "remote_internal.h"
#include "remote_waiters.h"

/* Makes place for the pieces of offset … end, which begin in so many chunks. False: no memory. */
static bool view_init(struct remote_view *view, size_t count)
{
    view->pieces = view->few_pieces;
    view->chunks = view->few_chunks;
    if (count <= REMOTE_FEW_PIECES)
        return true;
    view->pieces = calloc(count, sizeof *view->pieces);
    view->chunks = calloc(count, sizeof *view->chunks);
    if (view->pieces && view->chunks)
        return true;
    free(view->pieces);
    free(view->chunks);
    return false;
}

static void view_free(struct remote_view *view)
{
    free(view->buffer);
    if (view->pieces != view->few_pieces) {
        free(view->pieces);
        free(view->chunks);
    }
}

/* Whether nothing else than these bytes was shown or hashed before; what does not fit is dropped.
 */
static bool fits_in_memory(struct remote_file *file, uint64_t offset, uint64_t end)
{
    bool fits = true;
    for (uint64_t block = offset / DISK_BLOCK; block * DISK_BLOCK < end; block++) {
        struct chunk *chunk = chunk_find(&file->files->pool, file, block / CHUNK_BLOCKS);
        if (digest_fits(file->digest, block, chunk->seals[block % CHUNK_BLOCKS]))
            continue;
        chunk->present &= (uint8_t) ~(1U << block % CHUNK_BLOCKS);
        fits = false;
    }
    return fits;
}

static void note_shown(struct remote_file *file, const struct chunk *chunk, uint64_t offset,
                       uint64_t end)
{
    for (uint64_t block = offset / DISK_BLOCK; block * DISK_BLOCK < end; block++)
        digest_show(file, block, chunk->seals[block % CHUNK_BLOCKS]);
}

bool remote_view_memory(struct remote_file *file, uint64_t offset, uint64_t end,
                        struct remote_view *view)
{
    if (!remote_in_memory(file, offset, end) || !digest_permits(file, offset, end) ||
        !fits_in_memory(file, offset, end) ||
        !view_init(view, (size_t)((end - 1) / CHUNK - offset / CHUNK + 1)))
        return false;
    int64_t now = clock_milliseconds();
    /* The reader may be closed as soon as the kernel has its reply, before the view is released. */
    view->file = file;
    file->references++;
    while (offset < end) {
        struct chunk *chunk = chunk_find(&file->files->pool, file, offset / CHUNK);
        size_t within = (size_t)(offset % CHUNK);
        size_t size = CHUNK - within < end - offset ? CHUNK - within : (size_t)(end - offset);
        chunk->pins++;
        chunk->used = now;
        chunk->consumed = remote_all_read(file, offset - within, offset - within + CHUNK);
        note_shown(file, chunk, offset, offset + size);
        view->chunks[view->count] = chunk;
        view->pieces[view->count++] =
            (struct iovec){.iov_base = chunk->data + within, .iov_len = size};
        view->size += size;
        offset += size;
    }
    return true;
}

static bool is_on_disk(const struct remote_file *file, uint64_t offset, uint64_t end)
{
    bool present;
    return file->disk && disk_file_run(file->disk, offset, end, &present) == end && present;
}

/* Takes note of whole blocks that are shown, read from the disk. False: they may not be. */
static bool show_disk(struct remote_file *file, uint64_t offset, const char *bytes, size_t size)
{
    struct remote_files *files = file->files;
    size_t count = (size + DISK_BLOCK - 1) / DISK_BLOCK;
    cleanup_free uint32_t *seals = malloc(count * sizeof *seals);
    bool fits = seals != NULL;
    for (size_t i = 0; fits && i < count; i++) {
        size_t at = i * DISK_BLOCK;
        seals[i] = digest_seal(files, bytes + at, size - at < DISK_BLOCK ? size - at : DISK_BLOCK);
    }
    pthread_mutex_lock(&files->lock);
    for (size_t i = 0; fits && i < count; i++)
        fits = digest_fits(file->digest, offset / DISK_BLOCK + i, seals[i]);
    bool shown = fits && !file->failure.kind && digest_permits(file, offset, offset + size);
    for (size_t i = 0; shown && i < count; i++)
        digest_show(file, offset / DISK_BLOCK + i, seals[i]);
    if (shown)
        remote_note_come(file, offset, offset + size, FROM_DISK);
    pthread_mutex_unlock(&files->lock);
    if (seals && !fits) /* another mount began anew with other bytes */
        disk_file_forget(file->disk);
    return shown;
}

bool remote_view_disk(struct remote_file *file, uint64_t offset, uint64_t end,
                      struct remote_view *view)
{
    uint64_t start = offset / DISK_BLOCK * DISK_BLOCK;
    uint64_t stop = (end + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
    size_t size = (size_t)((stop < file->source.size ? stop : file->source.size) - start);
    if (!is_on_disk(file, start, start + size) || !view_init(view, 1))
        return false;
    char *buffer = malloc(size);
    if (!buffer || disk_file_read(file->disk, start, buffer, size) != size ||
        !show_disk(file, start, buffer, size)) {
        free(buffer);
        return false;
    }
    view->pieces[0] =
        (struct iovec){.iov_base = buffer + (offset - start), .iov_len = end - offset};
    view->count = 1;
    view->size = (size_t)(end - offset);
    view->buffer = buffer;
    atomic_fetch_add(&file->files->from_disk, view->size);
    return true;
}

void remote_view_release(struct remote_view *view)
{
    struct remote_file *file = view->file;
    if (file) {
        pthread_mutex_lock(&file->files->lock);
        for (unsigned i = 0; i < view->count; i++)
            ((struct chunk *)view->chunks[i])->pins--;
        struct remote_waiter *starved = remote_take_starved(file->files);
        pthread_mutex_unlock(&file->files->lock);
        remote_resume(starved, NULL);
        remote_file_unref(file);
    }
    view_free(view);
}
