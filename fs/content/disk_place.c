/* SPDX-License-Identifier: MIT */
#include "disk_place.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "brief_lock.h"
#include "private_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { FOLDER_LOCK_MS = 50 };

void disk_hex(const unsigned char md5[MD5_SIZE], char *hex)
{
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", md5[i]);
}

bool disk_place_path(const char *directory, const char *server, const struct disk_key *key,
                     char path[PATH_MAX])
{
    char hex[2 * MD5_SIZE + 1];
    disk_hex(key->md5, hex);
    int length = snprintf(path, PATH_MAX, "%s/%s%s%s/%.2s/%s-%llu", directory,
                          server ? DISK_PLACE_UNVERIFIED : DISK_PLACE_VERIFIED, server ? "/" : "",
                          server ? server : "", hex, hex, (unsigned long long)key->size);
    return length < PATH_MAX;
}

static bool is_folder_unsafe(const char *path, char *message, size_t size)
{
    char words[128];
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode) || is_private(&status))
        return false;
    private_explain(&status, words, sizeof words);
    snprintf(message, size,
             "the cache directory cannot be trusted: %.3000s %s; give one of your own with "
             "--cache-dir, or --no-cache",
             path, words);
    return true;
}

/* The folder, and those in it down to so many levels. */
static bool is_unsafe_down_to(const char *path, int levels, char *message, size_t size)
{
    char inner[PATH_MAX];
    if (is_folder_unsafe(path, message, size))
        return true;
    DIR *folder = levels > 0 ? opendir(path) : NULL;
    bool unsafe = false;
    if (!folder)
        return false;
    for (struct dirent *entry; !unsafe && (entry = readdir(folder));) {
        if (entry->d_name[0] != '.' &&
            (entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN))
            unsafe = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < PATH_MAX &&
                     is_unsafe_down_to(inner, levels - 1, message, size);
    }
    closedir(folder);
    return unsafe;
}

bool disk_place_is_unsafe(const char *directory, char *message, size_t size)
{
    char inner[PATH_MAX];
    if (is_folder_unsafe(directory, message, size))
        return true;
    /* Files need not be looked at: each is when it is opened. */
    return (snprintf(inner, sizeof inner, "%s/" DISK_PLACE_VERIFIED, directory) < PATH_MAX &&
            is_unsafe_down_to(inner, 1, message, size)) ||
           (snprintf(inner, sizeof inner, "%s/" DISK_PLACE_UNVERIFIED, directory) < PATH_MAX &&
            is_unsafe_down_to(inner, 2, message, size));
}

static bool name_blocks(const char *path, char name[PATH_MAX])
{
    return snprintf(name, PATH_MAX, "%s" DISK_BLOCKS_SUFFIX, path) < PATH_MAX;
}

/* Those above the cache directory may be anybody's, and may exist although they cannot be made. */
bool disk_place_make_folders(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int reason = mkdir(folder, 0700) == 0 ? 0 : errno;
        if (reason && reason != EEXIST && access(folder, X_OK) != 0) {
            errno = reason;
            return false;
        }
        *slash = '/';
    }
    return true;
}

/* Opens and locks the folder of a content; -1 with errno. */
static int lock_folder(const char *path, int milliseconds)
{
    char folder[PATH_MAX];
    struct stat status;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    cleanup_close int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        return -1;
    if (!is_private(&status)) {
        errno = EPERM;
        return -1;
    }
    if (!lock_within(descriptor, LOCK_EX, milliseconds))
        return -1;
    int locked = descriptor;
    descriptor = -1;
    return locked;
}

struct disk_blocks *disk_place_make(const char *path, uint64_t size)
{
    cleanup_close int folder = lock_folder(path, FOLDER_LOCK_MS);
    if (folder < 0 && errno == ENOENT && disk_place_make_folders(path))
        folder = lock_folder(path, FOLDER_LOCK_MS);
    if (folder < 0)
        return NULL;
    struct disk_blocks *blocks = disk_blocks_open(path, size);
    return blocks || errno != ENOENT ? blocks : disk_blocks_create(path, size);
}

bool disk_place_move(const struct disk_blocks *blocks, const char *from, const char *to, bool wait)
{
    char old[PATH_MAX], new[PATH_MAX];
    if (!name_blocks(from, old) || !name_blocks(to, new))
        return false;
    cleanup_close int left = lock_folder(from, wait ? FOLDER_LOCK_MS : 0);
    cleanup_close int entered = left >= 0 ? lock_folder(to, wait ? FOLDER_LOCK_MS : 0) : -1;
    if (left >= 0 && entered < 0 && errno == ENOENT && disk_place_make_folders(to))
        entered = lock_folder(to, wait ? FOLDER_LOCK_MS : 0);
    if (entered < 0 || !disk_blocks_are_at(blocks, from))
        return false;
    unlink(new);
    return rename(from, to) == 0 && rename(old, new) == 0;
}

bool disk_place_remove(const char *path, const struct disk_blocks *blocks)
{
    char name[PATH_MAX];
    cleanup_close int folder = lock_folder(path, FOLDER_LOCK_MS);
    if (folder < 0 || !name_blocks(path, name) || (blocks && !disk_blocks_are_at(blocks, path)))
        return false;
    cleanup_close int opened = blocks ? -1 : open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (opened >= 0 && flock(opened, LOCK_EX | LOCK_NB) != 0)
        return false;
    unlink(name);
    return unlink(path) == 0;
}
