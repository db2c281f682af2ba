/* SPDX-License-Identifier: MIT */
/* Which contents on disk were found right by this process, and looking at those that were not: the
 * official client's copies (protocol 8.4), what was touched, and what nobody but earlier processes
 * has found right where these are not trusted. */
#include "base/banned.h"
#include "base/cleanup.h"
#include "disk_internal.h"

#include <unistd.h>

static bool is_known(const struct disk_file *file, const struct stat *status)
{
    struct disk_cache *cache = file->cache;
    bool known = false;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; !known && i < TRUSTED_REMEMBERED && i < cache->trusted_count; i++)
        known = memcmp(cache->trusted[i].md5, file->key.md5, MD5_SIZE) == 0 &&
                disk_looks_the_same(&cache->trusted[i].status, status);
    pthread_mutex_unlock(&cache->lock);
    return known;
}

void disk_trust(const struct disk_file *file, const struct stat *status)
{
    struct disk_cache *cache = file->cache;
    pthread_mutex_lock(&cache->lock);
    struct trusted *place = &cache->trusted[cache->trusted_count++ % TRUSTED_REMEMBERED];
    memcpy(place->md5, file->key.md5, MD5_SIZE);
    place->status = *status;
    pthread_mutex_unlock(&cache->lock);
}

bool disk_is_trusted(const struct disk_file *file, const struct disk_blocks *blocks)
{
    struct stat status;
    return !file->cache->distrusts ||
           (disk_blocks_look(blocks, &status) && is_known(file, &status));
}

/* Whether an earlier process, and not this one, has found it right. */
static bool is_doubted(struct disk_file *file)
{
    if (!file->cache->distrusts)
        return false;
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    return opened && opened->blocks && disk_blocks_is_verified(opened->blocks) &&
           !disk_is_trusted(file, opened->blocks);
}

bool disk_file_adoptable(struct disk_file *file)
{
    struct stat status;
    if (is_doubted(file))
        return true;
    cleanup_close int descriptor = disk_file_open_copy(file, &status);
    return descriptor >= 0;
}

/* Serves the copy, which is right as it is. */
static bool adopt(struct disk_file *file, const struct stat *status)
{
    /* Adopted once: a copy that changed afterwards is not looked for again while this is open. */
    if (atomic_exchange(&file->was_adopted, true))
        return false;
    file->adopted_status = *status;
    atomic_store(&file->adopted, true);
    atomic_store(&file->absent, false);
    disk_look_again(file, NULL);
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    return opened && !opened->blocks;
}

bool disk_file_adopt_known(struct disk_file *file)
{
    struct stat status;
    cleanup_close int descriptor = disk_file_open_copy(file, &status);
    return descriptor >= 0 && is_known(file, &status) && adopt(file, &status);
}

bool disk_file_adopt(struct disk_file *file, const atomic_bool *cancelled)
{
    unsigned char digest[MD5_SIZE];
    struct opened copy = {.cache = file->cache};
    struct stat status;
    if (atomic_load(&file->adopted))
        return true;
    if (is_doubted(file))
        return disk_file_check_again(file, cancelled) == DISK_CHECK_GOOD;
    cleanup_close int descriptor = disk_file_open_copy(file, &status);
    if (descriptor < 0)
        return false;
    copy.copy = descriptor;
    bool good = is_known(file, &status);
    if (!good && disk_hash(file, &copy, cancelled, digest) &&
        memcmp(digest, file->key.md5, MD5_SIZE) == 0) {
        good = true;
        disk_trust(file, &status);
    }
    return good && adopt(file, &status);
}

enum disk_check disk_file_check_again(struct disk_file *file, const atomic_bool *cancelled)
{
    unsigned char digest[MD5_SIZE];
    struct stat before, after;
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    if (!opened || !opened->blocks || !opened->verified ||
        !disk_blocks_look(opened->blocks, &before) || !disk_hash(file, opened, cancelled, digest))
        return DISK_CHECK_INCOMPLETE;
    if (memcmp(digest, file->key.md5, MD5_SIZE) != 0) {
        disk_start_over(file, opened);
        return DISK_CHECK_BAD;
    }
    if (!disk_blocks_look(opened->blocks, &after) || !disk_looks_the_same(&before, &after))
        return DISK_CHECK_INCOMPLETE;
    disk_blocks_stamp(opened->blocks, &before);
    disk_trust(file, &before);
    return DISK_CHECK_GOOD;
}
