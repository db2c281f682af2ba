/* SPDX-License-Identifier: MIT */
#include "remote_digest.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "remote_internal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    SEGMENT = 8192, /* blocks whose seals lie together: 256 MiB */
    /* What readers and the kernel's own read-ahead do to the order of one pass. */
    DISORDER_BLOCKS = (32 << 20) / DISK_BLOCK,
    PATIENCE_MS = 10 * 1000,
};

/* Larger ones are hardly true; their bytes count as unchecked. */
static const uint64_t LARGEST_CHECKED = UINT64_C(1) << 44;

static uint64_t block_count(const struct digest *digest)
{
    return (digest->size + DISK_BLOCK - 1) / DISK_BLOCK;
}

static uint64_t segment_count(const struct digest *digest)
{
    return (block_count(digest) + SEGMENT - 1) / SEGMENT;
}

struct digest *digest_new(uint64_t key, const struct remote_source *source)
{
    struct digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return NULL;
    digest->size = source->size;
    digest->key = key;
    digest->withheld = source->md5 && source->size <= WITHHELD_SIZE;
    digest->sealed = true;
    if (source->md5)
        memcpy(digest->wanted, source->md5, MD5_SIZE);
    if (!source->md5 || source->size > LARGEST_CHECKED)
        digest->state = DIGEST_UNKNOWN;
    if (source->size <= LARGEST_CHECKED)
        digest->blocks = calloc(segment_count(digest) + 1, sizeof *digest->blocks);
    if (!digest->blocks)
        digest->state = DIGEST_UNKNOWN;
    return digest;
}

static void forget_blocks(struct digest *digest)
{
    for (uint64_t i = 0; digest->blocks && i < segment_count(digest); i++) {
        free(digest->blocks[i]);
        digest->blocks[i] = NULL;
    }
    digest->shown = digest->gapless = 0;
}

void digest_begin_anew(struct digest *digest)
{
    md5_free(digest->md5);
    digest->md5 = NULL;
    digest->hashed = 0;
    forget_blocks(digest);
}

void digest_free(struct digest *digest)
{
    if (!digest)
        return;
    digest_begin_anew(digest);
    free(digest->blocks);
    free(digest);
}

/* --- blocks --- */

uint32_t digest_seal(const struct remote_files *files, const char *bytes, size_t size)
{
    uint32_t seal = (uint32_t)(XXH3_64bits_withSeed(bytes, size, files->seal_key) >> 33);
    return seal ? seal : 1;
}

uint32_t digest_look_at(const struct digest *digest, uint64_t block)
{
    const uint32_t *segment = digest->blocks ? digest->blocks[block / SEGMENT] : NULL;
    return segment ? segment[block % SEGMENT] : 0;
}

uint32_t *digest_place_of(struct digest *digest, uint64_t block)
{
    uint64_t left = block_count(digest) - block / SEGMENT * SEGMENT;
    if (!digest->blocks)
        return NULL;
    uint32_t **segment = &digest->blocks[block / SEGMENT];
    if (!*segment)
        *segment = calloc(left < SEGMENT ? (size_t)left : SEGMENT, sizeof **segment);
    return *segment ? *segment + block % SEGMENT : NULL;
}

bool digest_fits(const struct digest *digest, uint64_t block, uint32_t seal)
{
    uint32_t known = digest_look_at(digest, block) & ~DIGEST_SHOWN;
    return known == 0 || known == seal;
}

void digest_show(struct remote_file *file, uint64_t block, uint32_t seal)
{
    struct digest *digest = file->digest;
    if (!digest->sealed)
        return;
    uint32_t *place = digest_place_of(digest, block);
    if (!place) {
        digest->state = DIGEST_UNKNOWN;
        return;
    }
    digest->shown += !(*place & DIGEST_SHOWN);
    *place = DIGEST_SHOWN | seal;
    while (digest->gapless < block_count(digest) &&
           digest_look_at(digest, digest->gapless) & DIGEST_SHOWN)
        digest->gapless++;
    if (block > digest->gapless + DISORDER_BLOCKS)
        digest->disordered = true;
}

uint64_t digest_unchecked(const struct digest *digest)
{
    uint64_t bytes = digest->shown * DISK_BLOCK;
    if (digest->state == DIGEST_RIGHT)
        return 0;
    return bytes < digest->size ? bytes : digest->size;
}

/* --- what may be shown --- */

bool digest_permits(const struct remote_file *file, uint64_t offset, uint64_t end)
{
    const struct digest *digest = file->digest;
    uint64_t unseen = 0;
    if (digest->state != DIGEST_OPEN)
        return true;
    if (digest->patience != 0 && clock_milliseconds() >= digest->patience)
        return true;
    if (digest->withheld)
        return end <= file->head;
    if (digest->doubted)
        return end <= (block_count(digest) - 1) * DISK_BLOCK;
    if (file->files->late && digest->size > GATED_SIZE)
        return true;
    for (uint64_t block = offset / DISK_BLOCK; block * DISK_BLOCK < end; block++)
        unseen += !(digest_look_at(digest, block) & DIGEST_SHOWN);
    return unseen == 0 || digest->shown + unseen < block_count(digest);
}

int64_t digest_await(struct remote_file *file)
{
    struct digest *digest = file->digest;
    int64_t now = clock_milliseconds();
    digest->awaited = true;
    if (!digest->disordered)
        return 0;
    if (digest->patience == 0)
        digest->patience = now + PATIENCE_MS;
    return digest->patience > now ? digest->patience - now : 1;
}

/* What was shown before it was known is for the hash to find out. */
void digest_vouched(struct remote_file *file)
{
    struct digest *digest = file->digest;
    pthread_mutex_lock(&file->files->lock);
    if (digest->state == DIGEST_OPEN && digest->shown == 0 && digest->hashed == 0 &&
        !digest->running) {
        digest->state = DIGEST_RIGHT;
        digest->sealed = digest->withheld = false;
    }
    pthread_mutex_unlock(&file->files->lock);
}

void digest_doubt(struct remote_file *file)
{
    struct digest *digest = file->digest;
    if (digest->sealed || digest->state != DIGEST_RIGHT)
        return;
    digest_begin_anew(digest);
    digest->state = DIGEST_OPEN;
    digest->sealed = digest->doubted = true;
    digest->withheld = digest->size <= WITHHELD_SIZE;
}

/* --- memory --- */

void digest_keep(struct remote_file *file, struct chunk *chunk)
{
    const struct chunk_pool *pool = &file->files->pool;
    uint64_t start = chunk->number * CHUNK, hashed = file->digest->hashed;
    if (file->digest->state == DIGEST_OPEN && start + CHUNK > hashed &&
        start < hashed + pool->count * CHUNK)
        chunk->unhashed = true;
}

bool digest_yield(struct remote_files *files)
{
    bool any = false;
    for (const struct remote_file *file = files->first; file; file = file->next) {
        if (!file->digest->running)
            any |= chunk_pool_unkeep(&files->pool, file);
    }
    return any;
}
