/* SPDX-License-Identifier: MIT */
#include "disk_space.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "disk_blocks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    CREDIT_LARGEST = 16 << 20,
    SLACK_SHARE = 32,   /* of the limit, for what other processes hold as credit during a recount */
    FREE_SHARE = 10,    /* of the disk, is never used */
    REMOVAL_SHARE = 10, /* of the limit, is freed at a removal beyond what is needed */
};

/* A content found on disk. */
struct found {
    char path[PATH_MAX]; /* of its data file */
    struct timespec used;
    uint64_t bytes;
};

struct found_list {
    struct found *items;
    size_t count;
    size_t capacity;
    uint64_t bytes;
};

static void found_list_release(struct found_list *list)
{
    free(list->items);
}

static uint64_t bytes_on_disk(const struct stat *status)
{
    return (uint64_t)status->st_blocks * 512;
}

static bool is_older(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static int compare_age(const void *a, const void *b)
{
    const struct found *left = a, *right = b;
    return is_older(left->used, right->used) ? -1 : is_older(right->used, left->used);
}

static struct found *add_found(struct found_list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct found *items = realloc(list->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    return &list->items[list->count];
}

static bool has_suffix(const char *name)
{
    size_t length = strlen(name), suffix = strlen(DISK_BLOCKS_SUFFIX);
    return length > suffix && strcmp(name + length - suffix, DISK_BLOCKS_SUFFIX) == 0;
}

/* Counts one file of a folder; a content is listed by its data file, aged by its blocks file. */
static bool scan_file(struct found_list *list, const char *folder, const char *name)
{
    struct found *found = add_found(list);
    struct stat status;
    char blocks[PATH_MAX + sizeof DISK_BLOCKS_SUFFIX];
    if (!found)
        return false;
    if (snprintf(found->path, sizeof found->path, "%s/%s", folder, name) >= PATH_MAX ||
        lstat(found->path, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    found->used = status.st_mtim;
    found->bytes = bytes_on_disk(&status);
    if (has_suffix(name)) {
        /* Counted with its data file; alone, it is a leftover of a removal. */
        found->path[strlen(found->path) - strlen(DISK_BLOCKS_SUFFIX)] = '\0';
        if (access(found->path, F_OK) == 0)
            return true;
    } else {
        snprintf(blocks, sizeof blocks, "%s" DISK_BLOCKS_SUFFIX, found->path);
        if (lstat(blocks, &status) == 0) {
            found->bytes += bytes_on_disk(&status);
            found->used = status.st_mtim;
        }
    }
    list->bytes += found->bytes;
    list->count++;
    return true;
}

static bool scan_folder(struct found_list *list, const char *folder)
{
    DIR *directory = opendir(folder);
    bool enough_memory = true;
    if (!directory)
        return true;
    for (struct dirent *entry; enough_memory && (entry = readdir(directory));) {
        if (entry->d_name[0] != '.')
            enough_memory = scan_file(list, folder, entry->d_name);
    }
    closedir(directory);
    return enough_memory;
}

static bool scan(const struct disk_space *space, struct found_list *list)
{
    char folder[PATH_MAX];
    for (int first = 0; first < 256; first++) {
        if (snprintf(folder, sizeof folder, "%s/objects/%02x", space->directory, (unsigned)first) >=
            PATH_MAX) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (!scan_folder(list, folder)) {
            errno = ENOMEM;
            return false;
        }
    }
    return true;
}

/* Removes a content unless some process has it open: those hold a shared lock on its blocks file.
 */
static bool remove_content(const struct found *found)
{
    char blocks[PATH_MAX + sizeof DISK_BLOCKS_SUFFIX];
    snprintf(blocks, sizeof blocks, "%s" DISK_BLOCKS_SUFFIX, found->path);
    cleanup_close int descriptor = open(blocks, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0)
        return false;
    /* Data without blocks counts as absent, blocks without data fail their checksums: a crash
     * between the two is harmless. */
    unlink(blocks);
    unlink(found->path);
    return true;
}

/* The disk does not know yet of what this process's threads are about to write. */
static uint64_t free_bytes_over_reserve(const struct disk_space *space)
{
    struct statvfs status;
    if (statvfs(space->directory, &status) != 0)
        return 0;
    uint64_t reserve = (uint64_t)status.f_blocks / FREE_SHARE;
    uint64_t promised = atomic_load(&space->writing) + (uint64_t)atomic_load(&space->credit);
    uint64_t free = status.f_bavail > reserve ? (status.f_bavail - reserve) * status.f_frsize : 0;
    return free > promised ? free - promised : 0;
}

static uint64_t usable_limit(const struct disk_space *space)
{
    return space->limit - space->limit / SLACK_SHARE;
}

/* Counts what is there, and removes the oldest until `bytes` more fit. */
static bool recount(struct disk_space *space, uint64_t bytes, uint64_t *used)
{
    cleanup(found_list_release) struct found_list list = {0};
    if (!scan(space, &list))
        return false;
    uint64_t limit = usable_limit(space);
    *used = list.bytes + (uint64_t)atomic_load(&space->credit);
    atomic_store(&space->counted, true);
    if (*used + bytes <= limit && free_bytes_over_reserve(space) >= bytes)
        return true;
    uint64_t target = limit - limit / REMOVAL_SHARE;
    target = target > bytes ? target - bytes : 0;
    qsort(list.items, list.count, sizeof *list.items, compare_age);
    for (size_t i = 0; i < list.count; i++) {
        if (*used <= target && free_bytes_over_reserve(space) >= bytes)
            break;
        if (remove_content(&list.items[i]))
            *used -= list.items[i].bytes < *used ? list.items[i].bytes : *used;
    }
    return true;
}

/* Opens and locks the count. A description of its own each time: flock then also excludes the
 * threads of one process from each other. */
static int lock_count(const struct disk_space *space)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", space->directory) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX) != 0) {
        close(descriptor);
        descriptor = -1;
    }
    return descriptor;
}

static bool write_count(struct disk_space *space, int descriptor, uint64_t used)
{
    atomic_store(&space->used, used);
    return pwrite(descriptor, &used, sizeof used, 0) == (ssize_t)sizeof used;
}

static bool fits(const struct disk_space *space, uint64_t used, uint64_t bytes)
{
    return used + bytes <= usable_limit(space) && free_bytes_over_reserve(space) >= bytes;
}

static bool take_credit(struct disk_space *space, uint64_t bytes)
{
    cleanup_close int descriptor = lock_count(space);
    uint64_t used = 0;
    if (descriptor < 0)
        return false;
    bool known = pread(descriptor, &used, sizeof used, 0) == (ssize_t)sizeof used &&
                 atomic_load(&space->counted);
    uint64_t amount = space->limit / 64 < CREDIT_LARGEST ? space->limit / 64 : CREDIT_LARGEST;
    if (amount < bytes)
        amount = bytes;
    if ((!known || !fits(space, used, amount)) && !recount(space, bytes, &used))
        return false;
    if (!fits(space, used, amount))
        amount = bytes;
    if (!fits(space, used, amount)) {
        write_count(space, descriptor, used);
        errno = ENOSPC;
        return false;
    }
    if (!write_count(space, descriptor, used + amount))
        return false;
    atomic_fetch_add(&space->credit, (int64_t)amount);
    return true;
}

static bool spend(struct disk_space *space, uint64_t bytes)
{
    int64_t credit = atomic_load(&space->credit);
    atomic_fetch_add(&space->writing, bytes);
    while (credit >= (int64_t)bytes) {
        if (atomic_compare_exchange_weak(&space->credit, &credit, credit - (int64_t)bytes))
            return true;
    }
    atomic_fetch_sub(&space->writing, bytes);
    return false;
}

bool disk_space_reserve(struct disk_space *space, uint64_t bytes)
{
    if (bytes > space->limit) {
        errno = ENOSPC;
        return false;
    }
    while (!spend(space, bytes)) {
        if (!take_credit(space, bytes))
            return false;
    }
    return true;
}

void disk_space_written(struct disk_space *space, uint64_t bytes)
{
    atomic_fetch_sub(&space->writing, bytes);
}

void disk_space_return(struct disk_space *space, uint64_t bytes)
{
    atomic_fetch_add(&space->credit, (int64_t)bytes);
    atomic_fetch_sub(&space->writing, bytes);
}

void disk_space_settle(struct disk_space *space)
{
    uint64_t credit = (uint64_t)atomic_exchange(&space->credit, 0);
    uint64_t used = 0;
    if (credit == 0)
        return;
    cleanup_close int descriptor = lock_count(space);
    if (descriptor >= 0 && pread(descriptor, &used, sizeof used, 0) == (ssize_t)sizeof used)
        write_count(space, descriptor, used > credit ? used - credit : 0);
}
