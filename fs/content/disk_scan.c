/* SPDX-License-Identifier: MIT */
#include "disk_scan.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "disk_pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
    /* Contents remembered for removal, 4 MiB of them; when more have to go it is looked again. */
    OLDEST_REMEMBERED = 64 * 1024,
    FOLDERS = 256,
};

struct walk {
    struct disk_scan *scan;
    size_t capacity;
    bool is_heap; /* `oldest` is full: the latest of them is first, no parent older than a child */
    const atomic_bool *stopping;
    struct found_content place; /* server and verified, of what is being walked */
    struct disk_pinned pinned;
};

static uint64_t bytes_on_disk(const struct stat *status)
{
    return (uint64_t)status->st_blocks * 512;
}

static int64_t modified(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static int compare_age(const void *a, const void *b)
{
    const struct found_content *left = a, *right = b;
    return (left->used > right->used) - (left->used < right->used);
}

/* --- the oldest --- */

static void sift_down(struct found_content *heap, size_t count, size_t at)
{
    for (;;) {
        size_t latest = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (heap[child].used > heap[latest].used)
                latest = child;
        }
        if (latest == at)
            return;
        struct found_content other = heap[at];
        heap[at] = heap[latest];
        heap[latest] = other;
        at = latest;
    }
}

static bool remember(struct walk *walk, const struct found_content *found)
{
    struct disk_scan *scan = walk->scan;
    if (scan->oldest_count < OLDEST_REMEMBERED) {
        if (scan->oldest_count == walk->capacity) {
            size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
            struct found_content *items = realloc(scan->oldest, capacity * sizeof *items);
            if (!items)
                return false;
            scan->oldest = items;
            walk->capacity = capacity;
        }
        scan->oldest[scan->oldest_count++] = *found;
        return true;
    }
    if (!walk->is_heap) {
        for (size_t at = scan->oldest_count / 2; at-- > 0;)
            sift_down(scan->oldest, scan->oldest_count, at);
        walk->is_heap = true;
    }
    if (found->used < scan->oldest[0].used) {
        scan->oldest[0] = *found;
        sift_down(scan->oldest, scan->oldest_count, 0);
    }
    return true;
}

/* --- names --- */

static bool parse_hex(const char *text, unsigned char md5[MD5_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < (size_t)2 * MD5_SIZE; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        md5[i / 2] = (unsigned char)(md5[i / 2] << 4 | (digit - digits));
    }
    return true;
}

/* "HEX-SIZE" or "HEX-SIZE.blocks" */
static bool parse_name(const char *name, struct disk_key *key, bool *is_blocks)
{
    char *end;
    if (!parse_hex(name, key->md5) || name[2 * MD5_SIZE] != '-')
        return false;
    key->size = strtoull(name + 2 * MD5_SIZE + 1, &end, 10);
    *is_blocks = strcmp(end, DISK_BLOCKS_SUFFIX) == 0;
    return *is_blocks || !*end;
}

/* --- the walk --- */

/* A content is counted with its data file, and aged by its blocks file; that alone is what a
 * removal has left over. */
static bool add_file(struct walk *walk, int folder, const char *name)
{
    struct found_content found = walk->place;
    struct stat status, blocks;
    char other[NAME_MAX + sizeof DISK_BLOCKS_SUFFIX];
    bool is_blocks = false;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return true;
    found.bytes = bytes_on_disk(&status);
    found.used = modified(&status);
    walk->scan->bytes += found.bytes;
    if (!parse_name(name, &found.key, &is_blocks))
        return true;
    if (is_blocks) {
        snprintf(other, sizeof other, "%.*s", (int)(strlen(name) - strlen(DISK_BLOCKS_SUFFIX)),
                 name);
        if (faccessat(folder, other, F_OK, 0) == 0)
            return true;
    } else {
        snprintf(other, sizeof other, "%s" DISK_BLOCKS_SUFFIX, name);
        if (fstatat(folder, other, &blocks, AT_SYMLINK_NOFOLLOW) == 0) {
            found.bytes += bytes_on_disk(&blocks);
            found.used = modified(&blocks);
        }
    }
    if (disk_pinned_has(&walk->pinned, &found.key))
        return true;
    walk->scan->count++;
    return remember(walk, &found);
}

static bool walk_folder(struct walk *walk, const char *path)
{
    DIR *directory = opendir(path);
    bool well = true;
    if (!directory)
        return errno == ENOENT || errno == ENOTDIR;
    for (struct dirent *entry; well && (entry = readdir(directory));) {
        if (atomic_load(walk->stopping)) {
            errno = EINTR;
            well = false;
        } else if (entry->d_name[0] != '.') {
            well = add_file(walk, dirfd(directory), entry->d_name);
        }
    }
    int reason = errno;
    closedir(directory);
    errno = reason;
    return well;
}

static bool walk_folders(struct walk *walk, const char *parent)
{
    char path[PATH_MAX];
    for (unsigned first = 0; first < FOLDERS; first++) {
        if (snprintf(path, sizeof path, "%s/%02x", parent, first) >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (!walk_folder(walk, path))
            return false;
    }
    return true;
}

static bool walk_servers(struct walk *walk, const char *parent)
{
    char path[PATH_MAX];
    DIR *servers = opendir(parent);
    bool well = true;
    if (!servers)
        return errno == ENOENT;
    for (struct dirent *entry; well && (entry = readdir(servers));) {
        if (strlen(entry->d_name) != (size_t)2 * MD5_SIZE ||
            !parse_hex(entry->d_name, walk->place.server))
            continue;
        well = snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) < PATH_MAX &&
               walk_folders(walk, path);
    }
    int reason = errno;
    closedir(servers);
    errno = reason;
    return well;
}

static bool walk_all(struct walk *walk, const char *directory)
{
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof parent, "%s/%s", directory, DISK_PLACE_VERIFIED) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!walk_folders(walk, parent))
        return false;
    walk->place.verified = false;
    return snprintf(parent, sizeof parent, "%s/%s", directory, DISK_PLACE_UNVERIFIED) < PATH_MAX &&
           walk_servers(walk, parent);
}

bool disk_scan(struct disk_scan *scan, const char *directory, const atomic_bool *stopping)
{
    struct walk walk = {.scan = scan, .stopping = stopping, .place = {.verified = true}};
    *scan = (struct disk_scan){0};
    bool well = disk_pinned_load(&walk.pinned, directory, time(NULL)) && walk_all(&walk, directory);
    int reason = errno;
    disk_pinned_release(&walk.pinned);
    if (well && scan->oldest_count > 0)
        qsort(scan->oldest, scan->oldest_count, sizeof *scan->oldest, compare_age);
    errno = reason;
    return well;
}

void disk_scan_release(struct disk_scan *scan)
{
    free(scan->oldest);
}

bool disk_scan_remove(const char *directory, const struct found_content *found)
{
    char path[PATH_MAX], server[2 * MD5_SIZE + 1];
    disk_hex(found->server, server);
    return disk_place_path(directory, found->verified ? NULL : server, &found->key, path) &&
           disk_place_remove(path, NULL);
}
