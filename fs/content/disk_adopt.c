/* SPDX-License-Identifier: MIT */
/* Looking at contents on disk that this process has not found right: the official client's copies
 * (protocol 8.4), and what nobody but earlier processes has found right where these are not
 * trusted. */
#include "base/banned.h"
#include "base/cleanup.h"
#include "disk_cache.h"
#include "disk_internal.h"

#include <unistd.h>

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
    return descriptor >= 0 && disk_is_known(file, &status) && adopt(file, &status);
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
    bool good = disk_is_known(file, &status);
    if (!good && disk_hash(file, &copy, cancelled, digest) &&
        memcmp(digest, file->key.md5, MD5_SIZE) == 0) {
        good = true;
        disk_trust(file, &status);
    }
    return good && adopt(file, &status);
}
