/* SPDX-License-Identifier: MIT */
#include "remote_hash.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "remote_digest.h"
#include "remote_internal.h"
#include "remote_waiters.h"

enum {
    SHARE = 32 << 20, /* bytes that one file hashes before it is another's turn */
    USUAL_TRIES = 2,  /* of a small content that comes wrong */
};

enum progress { GOES_ON, STALLED, ENDED, DIFFERS };

/* Hashes a piece of at most the rest of a chunk that lies at `hashed`; whole blocks. */
static enum progress hash_piece(struct digest *digest, const char *bytes, size_t size)
{
    struct remote_files *files = digest->file->files;
    enum progress progress = GOES_ON;
    uint32_t seals[CHUNK_BLOCKS];
    unsigned count = 0;
    for (size_t at = 0; at < size; at += DISK_BLOCK)
        seals[count++] =
            digest_seal(files, bytes + at, size - at < DISK_BLOCK ? size - at : DISK_BLOCK);
    if (!md5_update(digest->md5, bytes, size))
        return STALLED;
    pthread_mutex_lock(&files->lock);
    for (unsigned i = 0; i < count && progress == GOES_ON; i++) {
        uint64_t block = digest->hashed / DISK_BLOCK + i;
        uint32_t *place = digest_place_of(digest, block);
        if (!place)
            progress = STALLED;
        else if (!digest_fits(digest, block, seals[i]))
            progress = DIFFERS;
        else
            *place |= seals[i];
    }
    if (progress == GOES_ON)
        digest->hashed += size;
    pthread_mutex_unlock(&files->lock);
    return progress;
}

/* The bytes in memory from `hashed` on, pinned; NULL: there are none. Needs the lock. */
static struct chunk *pin_next(const struct digest *digest, size_t *size)
{
    struct remote_file *file = digest->file;
    uint64_t at = digest->hashed;
    struct chunk *chunk = chunk_find(&file->files->pool, file, at / CHUNK);
    *size = 0;
    while (chunk && *size < CHUNK - at % CHUNK && at + *size < digest->size &&
           chunk->present & chunk_mask(file, chunk->number, at + *size, at + *size + 1))
        *size += digest->size - at - *size < DISK_BLOCK ? (size_t)(digest->size - at - *size)
                                                        : DISK_BLOCK;
    if (*size == 0)
        return NULL;
    chunk->pins++;
    return chunk;
}

static enum progress hash_memory(struct digest *digest, struct chunk *chunk, size_t size)
{
    struct remote_files *files = digest->file->files;
    enum progress progress = hash_piece(digest, chunk->data + digest->hashed % CHUNK, size);
    pthread_mutex_lock(&files->lock);
    chunk->pins--;
    if (digest->hashed % CHUNK == 0 || digest->hashed == digest->size)
        chunk->unhashed = false;
    struct remote_waiter *starved = remote_take_starved(files);
    pthread_mutex_unlock(&files->lock);
    remote_resume(starved, NULL);
    return progress;
}

/* Reads whole blocks from the disk, within one chunk; returns how many bytes. */
static size_t read_disk(const struct digest *digest, uint64_t offset, char *buffer)
{
    struct disk_file *disk = digest->file->disk;
    uint64_t left = digest->size - offset;
    size_t size = CHUNK - (size_t)(offset % CHUNK);
    size_t got = disk ? disk_file_read(disk, offset, buffer, size < left ? size : left) : 0;
    return got < left ? got / DISK_BLOCK * DISK_BLOCK : got;
}

static bool must_stop(const struct remote_file *file)
{
    return atomic_load(&file->files->stopping) || atomic_load(&file->rejected);
}

static enum progress hash_share(struct digest *digest)
{
    struct remote_file *file = digest->file;
    cleanup_free char *buffer = file->disk ? malloc(CHUNK) : NULL;
    enum progress progress = GOES_ON;
    uint64_t limit = digest->hashed + SHARE;
    if (!digest->md5)
        digest->md5 = md5_new();
    if (!digest->md5)
        return STALLED;
    while (progress == GOES_ON && digest->hashed < digest->size && digest->hashed < limit) {
        size_t size;
        pthread_mutex_lock(&file->files->lock);
        struct chunk *chunk = pin_next(digest, &size);
        pthread_mutex_unlock(&file->files->lock);
        if (chunk)
            progress = hash_memory(digest, chunk, size);
        else if (buffer && (size = read_disk(digest, digest->hashed, buffer)) > 0)
            progress = hash_piece(digest, buffer, size);
        else
            progress = STALLED;
        if (must_stop(file))
            return STALLED;
    }
    return progress == GOES_ON && digest->hashed == digest->size ? ENDED : progress;
}

/* What it needs next was here, and will not come again by itself. Needs the lock. */
static bool is_lost(const struct digest *digest)
{
    const struct remote_file *file = digest->file;
    uint64_t at = digest->hashed;
    const struct chunk *chunk = chunk_find(&file->files->pool, file, at / CHUNK);
    uint8_t bit = chunk_mask(file, at / CHUNK, at, at + 1);
    if (chunk && (chunk->wanted | chunk->present) & bit)
        return false;
    return digest->withheld || digest_look_at(digest, at / DISK_BLOCK) & DIGEST_SHOWN;
}

static void set_state(struct digest *digest, enum digest_state state)
{
    digest->state = state;
    digest->awaited = false;
    md5_free(digest->md5);
    digest->md5 = NULL;
    chunk_pool_unkeep(&digest->file->files->pool, digest->file);
}

/* True: it can go on at once. */
static bool stall(struct digest *digest)
{
    struct remote_file *file = digest->file;
    struct remote_files *files = file->files;
    struct remote_waiter *waiters = NULL;
    pthread_mutex_lock(&files->lock);
    bool again = digest->again && !must_stop(file);
    digest->again = false;
    if (!again) {
        digest->running = false;
        bool memory = digest->md5 && digest_place_of(digest, digest->hashed / DISK_BLOCK);
        if (!must_stop(file) && (!memory || (digest->awaited && is_lost(digest)))) {
            /* A small file's readers have the rest fetched. */
            if (!memory || !digest->withheld)
                set_state(digest, DIGEST_UNKNOWN);
            if (files->starved == 0)
                waiters = remote_take_waiters(file, remote_any, NULL);
        }
    }
    struct remote_waiter *starved = remote_take_starved(files);
    pthread_mutex_unlock(&files->lock);
    remote_resume(waiters, NULL);
    remote_resume(starved, NULL);
    return again;
}

static void conclude(struct digest *digest)
{
    struct remote_file *file = digest->file;
    unsigned char found[MD5_SIZE];
    if (!md5_finish(digest->md5, found) || memcmp(found, digest->wanted, MD5_SIZE) != 0) {
        digest_reject(file, true);
        return;
    }
    pthread_mutex_lock(&file->files->lock);
    set_state(digest, DIGEST_RIGHT);
    digest->withheld = digest->doubted = digest->running = false;
    struct remote_waiter *waiters = remote_take_waiters(file, remote_any, NULL);
    bool due = digest_due_for_disk(file);
    pthread_mutex_unlock(&file->files->lock);
    remote_resume(waiters, NULL);
    if (due)
        digest_run(file);
}

static bool fits_seals(const void *context, uint64_t offset, const char *bytes, size_t size)
{
    const struct digest *digest = context;
    bool fits = true;
    for (size_t at = 0; fits && at < size; at += DISK_BLOCK) {
        uint32_t seal = digest_seal(digest->file->files, bytes + at,
                                    size - at < DISK_BLOCK ? size - at : DISK_BLOCK);
        pthread_mutex_lock(&digest->file->files->lock); /* readers note what they have shown */
        fits = (digest_look_at(digest, (offset + at) / DISK_BLOCK) & ~DIGEST_SHOWN) == seal;
        pthread_mutex_unlock(&digest->file->files->lock);
    }
    return fits;
}

/* Of a content that is right: whether the disk has the same, to be believed from now on. */
static void settle_disk(struct digest *digest)
{
    struct remote_file *file = digest->file;
    bool settled = disk_file_compare(file->disk, fits_seals, digest, &file->files->stopping) !=
                   DISK_CHECK_INCOMPLETE;
    pthread_mutex_lock(&file->files->lock);
    digest->settled = settled;
    digest->running = false;
    pthread_mutex_unlock(&file->files->lock);
}

static void run(struct job *job)
{
    struct digest *digest = (struct digest *)(void *)job;
    struct remote_file *file = digest->file;
    bool again = false;
    if (digest->state == DIGEST_RIGHT) {
        settle_disk(digest);
    } else {
        enum progress progress = hash_share(digest);
        again = progress == GOES_ON || (progress == STALLED && stall(digest));
        if (progress == DIFFERS)
            digest_reject(file, true);
        else if (progress == ENDED)
            conclude(digest);
    }
    if (again)
        digest_run(file);
    remote_file_unref(file);
}

bool digest_due(struct remote_file *file, uint64_t offset, uint64_t end)
{
    struct digest *digest = file->digest;
    bool reached = digest->awaited || (offset <= digest->hashed && end > digest->hashed);
    if (digest->state != DIGEST_OPEN || !reached || must_stop(file))
        return false;
    digest->again |= digest->running;
    bool due = !digest->running;
    digest->running = true;
    return due;
}

bool digest_due_for_disk(struct remote_file *file)
{
    struct digest *digest = file->digest;
    bool due = digest->state == DIGEST_RIGHT && digest->sealed && !digest->settled && file->disk &&
               !digest->running && !file->streams && !must_stop(file);
    digest->running |= due;
    return due;
}

void digest_run(struct remote_file *file)
{
    struct digest *digest = file->digest;
    digest->job = (struct job){.run = run};
    digest->file = file;
    remote_file_ref(file);
    lane_submit(file->files->digests, &digest->job);
}

/* --- wrong content --- */

static int compare_ranges(const void *a, const void *b)
{
    const struct remote_range *left = a, *right = b;
    return left->from < right->from ? -1 : left->from > right->from;
}

/* Has the kernel forget all pages but those that it waits for: these would be waited for, and they
 * never hold anything. */
static void drop_pages(struct remote_file *file)
{
    struct remote_files *files = file->files;
    const struct remote_source *source = &file->source;
    struct remote_range whole = {0, UINT64_MAX};
    size_t count = 0;
    pthread_mutex_lock(&files->lock);
    for (const struct remote_waiter *waiter = file->waiters; waiter; waiter = waiter->next)
        count++;
    cleanup_free struct remote_range *ranges = calloc(count + 1, sizeof *ranges);
    count = 0;
    for (const struct remote_waiter *waiter = file->waiters; ranges && waiter;
         waiter = waiter->next)
        ranges[count++] = (struct remote_range){waiter->offset, waiter->end};
    pthread_mutex_unlock(&files->lock);
    if (!ranges) {
        source->drop_pages(source->context, &whole, 1, true);
        return;
    }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    uint64_t from = 0;
    size_t gaps = 0;
    for (size_t i = 0; i < count; i++) {
        struct remote_range waited = ranges[i];
        if (waited.from > from)
            ranges[gaps++] = (struct remote_range){from, waited.from};
        if (waited.to > from)
            from = waited.to;
    }
    ranges[gaps++] = (struct remote_range){from, UINT64_MAX};
    source->drop_pages(source->context, ranges, gaps, true);
}

void digest_reject(struct remote_file *file, bool may_fetch_again)
{
    struct remote_files *files = file->files;
    const struct remote_source *source = &file->source;
    struct digest *digest = file->digest;
    struct remote_range whole = {0, UINT64_MAX};
    struct error failure = {0};
    if (atomic_exchange(&file->rejected, true))
        return;
    pthread_mutex_lock(&files->lock);
    unsigned tries = source->ways ? source->ways : USUAL_TRIES;
    bool final = !may_fetch_again || digest->shown > 0 || source->size > WITHHELD_SIZE ||
                 atomic_fetch_add(&file->mismatches, 1) + 1 >= tries;
    /* What is shown from here on is held to what comes next. */
    if (!final)
        digest_begin_anew(digest);
    pthread_mutex_unlock(&files->lock);
    source->mismatch(source->context, final);
    if (file->disk)
        disk_file_forget(file->disk);
    pthread_mutex_lock(&files->lock);
    chunk_pool_forget(&files->pool, file);
    if (final) {
        error_set(&file->failure, ERROR_SERVER,
                  "the content does not have the digest that the server gives for it; open the "
                  "file again");
        file->key = 0; /* whoever opens it from now on begins anew */
        remote_cancel_streams(file);
    } else {
        digest->running = false;
        atomic_store(&file->rejected, false);
    }
    failure = file->failure;
    pthread_mutex_unlock(&files->lock);
    if (final)
        drop_pages(file);
    pthread_mutex_lock(&files->lock);
    struct remote_waiter *waiters = remote_take_waiters(file, remote_any, NULL);
    pthread_mutex_unlock(&files->lock);
    remote_resume(waiters, final ? &failure : NULL);
    if (final)
        source->drop_pages(source->context, &whole, 1, false);
}
