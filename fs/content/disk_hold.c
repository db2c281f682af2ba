/* SPDX-License-Identifier: MIT */
/* Contents of the disk cache that others read past it, and that stay as they are meanwhile. */
#include "disk_cache.h"
#include "disk_internal.h"

#include "base/banned.h"

#include <stdlib.h>
#include <unistd.h>

enum { HOLDERS_SHARE = 4 /* of the descriptors' number: each takes two of them */ };

struct disk_hold {
    struct disk_cache *cache;
    struct disk_blocks *blocks; /* NULL: the official client's copy */
    int copy;                   /* its descriptor, else -1 */
};

static struct disk_blocks *hold_blocks(const struct disk_file *file, bool *touched)
{
    char path[PATH_MAX];
    struct disk_blocks *blocks =
        disk_file_path(file, true, path) ? disk_blocks_open(path, file->key.size) : NULL;
    bool verified = blocks && disk_blocks_is_verified(blocks);
    /* Only from the freeze on nobody can change it any more. */
    if (verified && disk_blocks_freeze(blocks) && disk_blocks_is_untouched(blocks) &&
        disk_is_trusted(file, blocks))
        return blocks;
    *touched = verified && disk_blocks_writable(blocks);
    disk_blocks_close(blocks);
    return NULL;
}

static int hold_copy(struct disk_file *file)
{
    struct stat status;
    int descriptor = atomic_load(&file->adopted) ? disk_file_open_copy(file, &status) : -1;
    if (descriptor < 0 || disk_looks_the_same(&status, &file->adopted_status))
        return descriptor;
    close(descriptor);
    return -1;
}

/* With descriptors of its own: the locks that keep the content are theirs. */
struct disk_hold *disk_file_hold(struct disk_file *file, bool *touched)
{
    struct disk_cache *cache = file->cache;
    struct disk_hold *hold = malloc(sizeof *hold);
    bool room = atomic_fetch_add(&cache->holds, 1) < cache->pool.limit / HOLDERS_SHARE;
    *touched = false;
    if (hold && room) {
        *hold = (struct disk_hold){.cache = cache, .copy = hold_copy(file)};
        if (hold->copy < 0)
            hold->blocks = hold_blocks(file, touched);
        if (hold->copy >= 0 || hold->blocks)
            return hold;
    }
    atomic_fetch_sub(&cache->holds, 1);
    free(hold);
    return NULL;
}

int disk_hold_descriptor(const struct disk_hold *hold)
{
    return hold->blocks ? disk_blocks_descriptor(hold->blocks) : hold->copy;
}

void disk_hold_release(struct disk_hold *hold)
{
    if (!hold)
        return;
    disk_blocks_close(hold->blocks);
    if (hold->copy >= 0)
        close(hold->copy);
    atomic_fetch_sub(&hold->cache->holds, 1);
    free(hold);
}
