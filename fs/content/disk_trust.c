/* SPDX-License-Identifier: MIT */
/* Which contents on disk were found right by this process. */
#include "base/banned.h"
#include "disk_internal.h"

bool disk_looks_the_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool disk_is_known(const struct disk_file *file, const struct stat *status)
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
           (disk_blocks_look(blocks, &status) && disk_is_known(file, &status));
}
