/* SPDX-License-Identifier: MIT */
#include "remote_file.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "digest_memory.h"
#include "remote_digest.h"
#include "remote_hash.h"
#include "remote_internal.h"

#include <sys/random.h>

enum { DISK_SHARE = 4 }; /* of the disk cache, for what was not asked for */

/* --- all files --- */

struct remote_files *remote_files_new(struct lane *lane, unsigned width, struct disk_cache *disk,
                                      size_t memory)
{
    struct remote_files *files = calloc(1, sizeof *files);
    if (!files)
        return NULL;
    files->lane = lane;
    files->width = width;
    files->disk = disk;
    if (disk) {
        struct disk_cache_figures figures;
        disk_cache_read_figures(disk, &figures);
        files->disk_share = figures.limit / DISK_SHARE;
    }
    pthread_mutex_init(&files->lock, NULL);
    files->digests = lane_new("digest", DIGEST_WORKERS);
    bool keyed = getrandom(&files->seal_key, sizeof files->seal_key, 0) > 0;
    if (!keyed || !files->digests || !chunk_pool_init(&files->pool, memory / CHUNK)) {
        remote_files_free(files);
        return NULL;
    }
    return files;
}

void remote_files_verify_late(struct remote_files *files)
{
    files->late = true;
}

void remote_files_settle(struct remote_files *files)
{
    lane_free(files->digests);
    files->digests = NULL;
}

void remote_files_free(struct remote_files *files)
{
    if (!files)
        return;
    remote_files_settle(files);
    /* Files that were still open when the mount ended: nobody closes them any more. */
    for (struct remote_file *file = files->first, *next; file; file = next) {
        next = file->next;
        remote_file_free(file);
    }
    digest_memory_release(&files->remembered);
    chunk_pool_release(&files->pool);
    pthread_mutex_destroy(&files->lock);
    free(files);
}

void remote_files_stop(struct remote_files *files)
{
    pthread_mutex_lock(&files->lock);
    atomic_store(&files->stopping, true);
    for (struct remote_file *file = files->first; file; file = file->next)
        remote_cancel_streams(file);
    pthread_mutex_unlock(&files->lock);
}

void remote_read_figures(struct remote_files *files, struct remote_figures *figures)
{
    *figures = (struct remote_figures){
        .from_memory = atomic_load(&files->from_memory),
        .from_disk = atomic_load(&files->from_disk),
        .from_network = atomic_load(&files->from_network),
    };
    pthread_mutex_lock(&files->lock);
    figures->unchecked = files->unchecked;
    for (const struct remote_file *file = files->first; file; file = file->next) {
        figures->open++;
        figures->unchecked += digest_unchecked(file->digest);
    }
    for (size_t i = 0; i < files->pool.count; i++)
        figures->memory += files->pool.chunks[i].data ? CHUNK : 0;
    figures->streams = files->streams;
    pthread_mutex_unlock(&files->lock);
}

bool remote_pages_are_good(const struct remote_reader *reader)
{
    return reader->pages_are_good;
}

bool remote_is_right(const struct remote_reader *reader)
{
    struct remote_file *file = reader->file;
    pthread_mutex_lock(&file->files->lock);
    bool right = file->failure.kind == ERROR_NONE && file->digest->state == DIGEST_RIGHT;
    pthread_mutex_unlock(&file->files->lock);
    return right;
}

bool remote_is_kept(const struct remote_reader *reader)
{
    struct remote_file *file = reader->file;
    return file->disk && !atomic_load(&file->rejected) && disk_file_is_verified(file->disk);
}

struct disk_hold *remote_hold(struct remote_reader *reader)
{
    struct remote_file *file = reader->file;
    bool touched = false;
    pthread_mutex_lock(&file->files->lock);
    bool right = file->disk && file->failure.kind == ERROR_NONE && !atomic_load(&file->rejected);
    pthread_mutex_unlock(&file->files->lock);
    struct disk_hold *hold = right ? disk_file_hold(file->disk, &touched) : NULL;
    if (touched)
        remote_check_again(file);
    return hold;
}

/* --- one file --- */

/* The open file of that key; its content is compared, too, so that keys may be mere hashes. */
static struct remote_file *find_file(const struct remote_files *files, uint64_t key,
                                     const struct remote_source *source)
{
    struct remote_file *file = files->first;
    for (; file; file = file->next) {
        const struct remote_source *own = &file->source;
        if (file->key == key && own->size == source->size && !own->md5 == !source->md5 &&
            (!own->md5 || memcmp(own->md5, source->md5, MD5_SIZE) == 0))
            return file;
    }
    return NULL;
}

static struct remote_file *file_new(struct remote_files *files, uint64_t key,
                                    const struct remote_source *source, bool judge)
{
    struct remote_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->files = files;
    file->key = key;
    file->source = *source;
    file->ahead.alignment = source->alignment;
    file->digest = digest_new(key, source);
    if (!remote_blocks_init(file) || !file->digest) {
        remote_blocks_free(file);
        digest_free(file->digest);
        free(file);
        return NULL;
    }
    if (files->disk && source->md5)
        file->disk = disk_file_open(files->disk, source->md5, source->size);
    file->digest->file = file;
    file->judged = !file->disk;
    if (file->disk && judge)
        remote_judge_disk(file);
    /* Readers wait until a worker has looked. */
    file->examining |= !file->judged;
    return file;
}

/* Of a file that is opened: what was remembered of it. What the disk vouched for, it must vouch for
 * still. */
static bool recall(struct remote_file *file)
{
    struct remote_files *files = file->files;
    struct digest *fresh = file->digest;
    struct digest *digest =
        digest_memory_take(&files->remembered, fresh->key, fresh->size, file->source.md5);
    if (!digest)
        return false;
    files->unchecked -= digest_unchecked(digest);
    if (!digest->sealed && fresh->sealed) {
        digest_free(digest);
        return false;
    }
    digest_free(fresh);
    digest->file = file;
    digest->settled = false;
    file->digest = digest;
    return true;
}

static struct remote_reader *open_reader(struct remote_files *files, uint64_t key,
                                         const struct remote_source *source, bool judge)
{
    struct remote_reader *reader = calloc(1, sizeof *reader);
    /* Made before it is known whether it is needed: opening asks the disk, not under the lock. */
    struct remote_file *spare = reader ? file_new(files, key, source, judge) : NULL;
    if (!spare) {
        free(reader);
        source->release(source->context);
        return NULL;
    }
    pthread_mutex_lock(&files->lock);
    struct remote_file *file = find_file(files, key, source);
    bool examine = !file && (spare->examine || !spare->judged);
    reader->pages_are_good = file != NULL;
    if (!file) {
        file = steal(spare);
        reader->pages_are_good = recall(file);
        file->next = files->first;
        files->first = file;
    }
    file->references++;
    file->readers++;
    atomic_init(&reader->references, 1);
    reader->file = file;
    pthread_mutex_unlock(&files->lock);
    if (spare)
        remote_file_free(spare);
    if (examine)
        remote_examine(file);
    return reader;
}

struct remote_reader *remote_open(struct remote_files *files, uint64_t key,
                                  const struct remote_source *source)
{
    return open_reader(files, key, source, true);
}

struct remote_reader *remote_open_later(struct remote_files *files, uint64_t key,
                                        const struct remote_source *source)
{
    return open_reader(files, key, source, false);
}

struct remote_reader *remote_reader_ref(struct remote_reader *reader)
{
    atomic_fetch_add(&reader->references, 1);
    return reader;
}

void remote_reader_unref(struct remote_reader *reader)
{
    if (atomic_fetch_sub(&reader->references, 1) != 1)
        return;
    struct remote_file *file = reader->file;
    pthread_mutex_lock(&file->files->lock);
    if (--file->readers == 0)
        remote_cancel_streams(file);
    pthread_mutex_unlock(&file->files->lock);
    remote_file_unref(file);
    free(reader);
}

/* --- reading --- */

/* Whether the read has failed before it begins. */
static bool has_failed(struct remote_reader *reader, uint64_t offset, uint64_t end,
                       struct error *error)
{
    struct remote_file *file = reader->file;
    struct remote_files *files = file->files;
    if (remote_is_refused(file, offset, end)) {
        *error = file->refusal;
        return true;
    }
    if (file->failure.kind != ERROR_NONE) {
        *error = file->failure;
        return true;
    }
    if (atomic_load(&files->stopping)) {
        error_set(error, ERROR_INTERRUPTED, "the filesystem is being unmounted");
        return true;
    }
    if (end - offset > files->pool.count * CHUNK / 2) {
        error_set(error, ERROR_LOCAL, "more is asked for at once than there is memory for");
        return true;
    }
    return false;
}

/* What was served from the disk may be what the hash waits for. */
static void hash_on(struct remote_file *file, uint64_t offset, uint64_t end)
{
    pthread_mutex_lock(&file->files->lock);
    bool due = digest_due(file, offset, end);
    pthread_mutex_unlock(&file->files->lock);
    if (due)
        digest_run(file);
}

static enum remote_result read_from(struct remote_reader *reader, uint64_t offset, size_t size,
                                    bool disk, struct remote_view *view, struct error *error)
{
    struct remote_file *file = reader->file;
    struct remote_files *files = file->files;
    *view = (struct remote_view){0};
    if (offset >= file->source.size || size == 0)
        return REMOTE_READY;
    uint64_t end = size < file->source.size - offset ? offset + size : file->source.size;
    pthread_mutex_lock(&files->lock);
    if (has_failed(reader, offset, end, error)) {
        pthread_mutex_unlock(&files->lock);
        return REMOTE_FAILED;
    }
    bool examining = file->examining;
    remote_note_read(file, offset, end);
    bool served = remote_view_memory(file, offset, end, view);
    bool gated = !served && !digest_permits(file, offset, end);
    if (gated)
        view->retry_ms = digest_await(file);
    pthread_mutex_unlock(&files->lock);
    if (served)
        atomic_fetch_add(&files->from_memory, view->size);
    else
        served = disk && !examining && !gated && remote_view_disk(file, offset, end, view);
    if (!served)
        return REMOTE_WAIT;
    hash_on(file, offset, end);
    remote_read_ahead(file, offset, end, disk);
    return REMOTE_READY;
}

enum remote_result remote_read(struct remote_reader *reader, uint64_t offset, size_t size,
                               struct remote_view *view, struct error *error)
{
    return read_from(reader, offset, size, true, view, error);
}

enum remote_result remote_read_memory(struct remote_reader *reader, uint64_t offset, size_t size,
                                      struct remote_view *view, struct error *error)
{
    return read_from(reader, offset, size, false, view, error);
}

/* --- waiting --- */

bool remote_wait(struct remote_reader *reader, uint64_t offset, size_t size,
                 struct remote_waiter *waiter)
{
    struct remote_file *file = reader->file;
    struct stream *streams = NULL;
    uint64_t end = size < file->source.size - offset ? offset + size : file->source.size;
    /* An interrupted caller may leave before it has come. */
    pthread_mutex_lock(&file->files->lock);
    waiter->file = file;
    waiter->offset = offset;
    waiter->end = end;
    waiter->starved = false;
    waiter->link_to_this = NULL;
    bool there = file->failure.kind != ERROR_NONE || atomic_load(&file->files->stopping) ||
                 (remote_in_memory(file, offset, end) && digest_permits(file, offset, end));
    if (!there && !file->examining)
        streams = remote_plan_miss(file, offset, end, &waiter->starved);
    there = there || remote_is_refused(file, offset, end);
    if (!there)
        remote_link_waiter(file, waiter);
    /* What is being examined on disk may be thrown away: it is not hashed for readers meanwhile. */
    bool due = !there && !file->examining && digest_due(file, offset, end);
    file->references++; /* the waiter may be resumed, and the reader closed, at once */
    pthread_mutex_unlock(&file->files->lock);
    if (due)
        digest_run(file);
    stream_submit(streams);
    if (!there)
        remote_sweep(file, offset, end);
    remote_file_unref(file);
    return !there;
}
