/* SPDX-License-Identifier: MIT */
/* The life of a remote file, from its first reference to its last. */
#include "base/banned.h"
#include "base/clock.h"
#include "digest_memory.h"
#include "remote_digest.h"
#include "remote_internal.h"
#include "remote_progress.h"

void remote_file_free(struct remote_file *file)
{
    disk_file_close(file->disk);
    digest_free(file->digest);
    remote_blocks_free(file);
    file->source.release(file->source.context);
    free(file);
}

void remote_cancel_streams(struct remote_file *file)
{
    for (struct stream *stream = file->streams; stream; stream = stream->next)
        atomic_store(&stream->cancelled, true);
}

void remote_refuse(struct remote_file *file, uint64_t from, uint64_t to, const struct error *error)
{
    file->refusal = *error;
    file->refused_from = from;
    file->refused_to = to;
    file->refused_until = clock_milliseconds() + REFUSAL_MS;
}

bool remote_is_refused(const struct remote_file *file, uint64_t offset, uint64_t end)
{
    return file->refused_until != 0 && offset < file->refused_to && end > file->refused_from &&
           clock_milliseconds() < file->refused_until;
}

void remote_file_ref(struct remote_file *file)
{
    pthread_mutex_lock(&file->files->lock);
    file->references++;
    pthread_mutex_unlock(&file->files->lock);
}

/* Keeps what is known of the content, of which the kernel has pages. What is not known to be right
 * is worth it only if nothing was shown that is not hashed: else the next one begins anew. */
static void remember(struct remote_file *file)
{
    struct remote_files *files = file->files;
    struct digest *digest = file->digest;
    files->unchecked += digest_unchecked(digest);
    bool whole = digest->gapless == digest->shown && !digest->doubted &&
                 digest->gapless * DISK_BLOCK < digest->hashed + DISK_BLOCK;
    if (file->failure.kind != ERROR_NONE || digest->state == DIGEST_UNKNOWN ||
        (digest->state == DIGEST_OPEN && !whole))
        return;
    digest->patience = 0;
    digest->awaited = false;
    digest_memory_keep(&files->remembered, digest);
    file->digest = NULL;
}

void remote_file_unref(struct remote_file *file)
{
    struct remote_files *files = file->files;
    pthread_mutex_lock(&files->lock);
    bool last = --file->references == 0;
    if (last) {
        remember(file);
        remote_progress_keep(file);
        struct remote_file **link = &files->first;
        while (*link != file)
            link = &(*link)->next;
        *link = file->next;
        chunk_pool_drop(&files->pool, file);
        if (!files->first)
            chunk_pool_trim(&files->pool);
    }
    pthread_mutex_unlock(&files->lock);
    if (last)
        remote_file_free(file);
}
