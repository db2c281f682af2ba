/* SPDX-License-Identifier: MIT */
#include "disk_blocks.h"

#include "base/banned.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TOUCH_SECONDS = 60, /* precision of "least recently used" */
    ENTRIES_AT_ONCE = 512,
};

#define FORMAT_MAGIC UINT64_C(0x316b6c6273667267) /* "grfsblk1" */

struct header {
    uint64_t magic;
    uint64_t size;
    uint64_t block;
    uint64_t verified; /* 1: complete, and its digest fitted */
};

struct disk_blocks {
    uint64_t size;
    uint64_t count;
    int checksums; /* descriptors */
    int data;
    bool writable;
};

/* --- opening --- */

static uint64_t checksums_size(const struct disk_blocks *blocks)
{
    return sizeof(struct header) + blocks->count * sizeof(uint64_t);
}

static bool header_fits(const struct disk_blocks *blocks)
{
    struct header header;
    struct stat status;
    return fstat(blocks->checksums, &status) == 0 &&
           (uint64_t)status.st_size == checksums_size(blocks) &&
           pread(blocks->checksums, &header, sizeof header, 0) == (ssize_t)sizeof header &&
           header.magic == FORMAT_MAGIC && header.size == blocks->size &&
           header.block == DISK_BLOCK;
}

void disk_blocks_clear(struct disk_blocks *blocks)
{
    struct header header = {.magic = FORMAT_MAGIC, .size = blocks->size, .block = DISK_BLOCK};
    /* Cut off, the checksums grow again as zeros. If that fails the header does not fit the file
     * and the next to open it begins anew. */
    if (ftruncate(blocks->checksums, 0) == 0 &&
        pwrite(blocks->checksums, &header, sizeof header, 0) == (ssize_t)sizeof header &&
        ftruncate(blocks->checksums, (off_t)checksums_size(blocks)) != 0)
        blocks->writable = false;
}

/* Falls back to reading alone where the disk allows no more. */
static int open_file(struct disk_blocks *blocks, const char *path, bool create)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
    if (descriptor < 0 && !create && (errno == EACCES || errno == EROFS)) {
        blocks->writable = false;
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    return descriptor;
}

static bool open_checksums(struct disk_blocks *blocks, const char *path, bool create)
{
    char name[PATH_MAX];
    struct stat status;
    if (snprintf(name, sizeof name, "%s" DISK_BLOCKS_SUFFIX, path) >= (int)sizeof name) {
        errno = ENAMETOOLONG;
        return false;
    }
    blocks->checksums = open_file(blocks, name, create);
    if (blocks->checksums < 0)
        return false;
    /* Who gets the exclusive lock writes the header; the others wait below until it has. Nobody
     * waits for the exclusive lock itself: the shared ones are held as long as a file is open. */
    if (create && blocks->writable && !header_fits(blocks) &&
        flock(blocks->checksums, LOCK_EX | LOCK_NB) == 0 && !header_fits(blocks))
        disk_blocks_clear(blocks);
    /* A file that was removed between open and lock is not to be filled. */
    if (flock(blocks->checksums, LOCK_SH) == 0 && fstat(blocks->checksums, &status) == 0 &&
        status.st_nlink > 0 && header_fits(blocks))
        return true;
    errno = ENOENT;
    return false;
}

static void touch(const struct disk_blocks *blocks)
{
    struct stat status;
    if (fstat(blocks->checksums, &status) == 0 &&
        status.st_mtim.tv_sec + TOUCH_SECONDS < time(NULL))
        futimens(blocks->checksums, NULL);
}

struct disk_blocks *disk_blocks_open(const char *path, uint64_t size, bool create)
{
    struct disk_blocks *blocks = malloc(sizeof *blocks);
    if (!blocks)
        return NULL;
    *blocks = (struct disk_blocks){
        .size = size,
        .count = size / DISK_BLOCK + (size % DISK_BLOCK != 0),
        .checksums = -1,
        .data = -1,
        .writable = true,
    };
    if (open_checksums(blocks, path, create))
        blocks->data = open_file(blocks, path, create);
    if (blocks->data < 0) {
        int reason = errno;
        disk_blocks_close(blocks);
        errno = reason;
        return NULL;
    }
    touch(blocks);
    return blocks;
}

void disk_blocks_close(struct disk_blocks *blocks)
{
    if (!blocks)
        return;
    if (blocks->checksums >= 0)
        close(blocks->checksums);
    if (blocks->data >= 0)
        close(blocks->data);
    free(blocks);
}

bool disk_blocks_writable(const struct disk_blocks *blocks)
{
    return blocks->writable;
}

/* --- blocks --- */

static off_t entry_offset(uint64_t block)
{
    return (off_t)(sizeof(struct header) + block * sizeof(uint64_t));
}

/* Never 0, which means "not there"; depends on the block's place. */
static uint64_t checksum(uint64_t block, const void *data, size_t size)
{
    uint64_t sum = XXH3_64bits_withSeed(data, size, block + 1);
    return sum ? sum : 1;
}

static size_t block_length(const struct disk_blocks *blocks, uint64_t block)
{
    uint64_t left = blocks->size - block * DISK_BLOCK;
    return left < DISK_BLOCK ? (size_t)left : DISK_BLOCK;
}

/* Entries of `count` blocks; what cannot be read is not there. */
static void read_entries(const struct disk_blocks *blocks, uint64_t first, uint64_t *entries,
                         size_t count)
{
    size_t bytes = count * sizeof *entries;
    ssize_t got = pread(blocks->checksums, entries, bytes, entry_offset(first));
    size_t whole = got > 0 ? (size_t)got / sizeof *entries : 0;
    memset(entries + whole, 0, (count - whole) * sizeof *entries);
}

static void forget_block(struct disk_blocks *blocks, uint64_t block)
{
    const uint64_t none = 0;
    if (!blocks->writable)
        return;
    /* Should this fail, the block fails its checksum again next time. */
    if (pwrite(blocks->checksums, &none, sizeof none, entry_offset(block)) > 0 &&
        pwrite(blocks->checksums, &none, sizeof none, offsetof(struct header, verified)) < 0)
        blocks->writable = false;
}

/* Reads whole blocks; returns how many of `count` are well from the first on. */
static size_t read_whole(struct disk_blocks *blocks, uint64_t first, size_t count, char *buffer,
                         bool *damaged)
{
    uint64_t entries[ENTRIES_AT_ONCE];
    size_t present = 0;
    read_entries(blocks, first, entries, count);
    while (present < count && entries[present] != 0)
        present++;
    if (present == 0)
        return 0;
    size_t bytes = (present - 1) * DISK_BLOCK + block_length(blocks, first + present - 1);
    ssize_t got = pread(blocks->data, buffer, bytes, (off_t)(first * DISK_BLOCK));
    for (size_t i = 0; i < present; i++) {
        size_t start = i * DISK_BLOCK;
        size_t length = block_length(blocks, first + i);
        if (got < (ssize_t)(start + length) ||
            checksum(first + i, buffer + start, length) != entries[i]) {
            forget_block(blocks, first + i);
            *damaged = true;
            return i;
        }
    }
    return present;
}

static size_t read_within(struct disk_blocks *blocks, uint64_t offset, char *buffer, size_t size,
                          bool *damaged)
{
    char block[DISK_BLOCK];
    uint64_t number = offset / DISK_BLOCK;
    size_t within = (size_t)(offset % DISK_BLOCK);
    size_t length = block_length(blocks, number) - within;
    if (read_whole(blocks, number, 1, block, damaged) == 0)
        return 0;
    if (length > size)
        length = size;
    memcpy(buffer, block + within, length);
    return length;
}

static size_t read_step(struct disk_blocks *blocks, uint64_t offset, char *buffer, size_t size,
                        bool *damaged)
{
    uint64_t left = blocks->size - offset;
    uint64_t number = offset / DISK_BLOCK;
    if (size > left)
        size = (size_t)left;
    if (offset % DISK_BLOCK != 0 || (size < DISK_BLOCK && size < left))
        return read_within(blocks, offset, buffer, size, damaged);
    size_t count = size / DISK_BLOCK + (size == left && size % DISK_BLOCK != 0);
    if (count > ENTRIES_AT_ONCE)
        count = ENTRIES_AT_ONCE;
    size_t well = read_whole(blocks, number, count, buffer, damaged);
    return well ? (well - 1) * DISK_BLOCK + block_length(blocks, number + well - 1) : 0;
}

size_t disk_blocks_read(struct disk_blocks *blocks, uint64_t offset, void *buffer, size_t size,
                        bool *damaged)
{
    size_t done = 0;
    *damaged = false;
    while (done < size && offset + done < blocks->size) {
        size_t step = read_step(blocks, offset + done, (char *)buffer + done, size - done, damaged);
        if (step == 0)
            break;
        done += step;
    }
    return done;
}

uint64_t disk_blocks_run(const struct disk_blocks *blocks, uint64_t offset, uint64_t end,
                         bool *present)
{
    uint64_t entries[ENTRIES_AT_ONCE];
    uint64_t first = offset / DISK_BLOCK;
    uint64_t last = end / DISK_BLOCK + (end % DISK_BLOCK != 0);
    for (uint64_t block = first; block < last;) {
        size_t count = last - block < ENTRIES_AT_ONCE ? (size_t)(last - block) : ENTRIES_AT_ONCE;
        read_entries(blocks, block, entries, count);
        if (block == first)
            *present = entries[0] != 0;
        for (size_t i = 0; i < count; i++, block++) {
            if ((entries[i] != 0) != *present)
                return block * DISK_BLOCK;
        }
    }
    return end;
}

void disk_blocks_prefetch(const struct disk_blocks *blocks, uint64_t offset, uint64_t size)
{
    posix_fadvise(blocks->data, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

static bool write_all(int descriptor, const char *data, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(descriptor, data, size, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written < 0 ? errno : ENOSPC;
            return false;
        }
        data += written;
        offset += written;
        size -= (size_t)written;
    }
    return true;
}

bool disk_blocks_write(struct disk_blocks *blocks, uint64_t offset, const void *data, size_t size)
{
    uint64_t entries[ENTRIES_AT_ONCE];
    const char *bytes = data;
    uint64_t block = offset / DISK_BLOCK;
    if (!write_all(blocks->data, bytes, size, (off_t)offset))
        return false;
    while (size > 0) {
        size_t count = 0;
        uint64_t first = block;
        for (; count < ENTRIES_AT_ONCE && size > 0; count++, block++) {
            size_t length = size < DISK_BLOCK ? size : DISK_BLOCK;
            entries[count] = checksum(block, bytes, length);
            bytes += length;
            size -= length;
        }
        if (!write_all(blocks->checksums, (const char *)entries, count * sizeof *entries,
                       entry_offset(first)))
            return false;
    }
    return true;
}

/* --- verification --- */

bool disk_blocks_is_verified(const struct disk_blocks *blocks)
{
    struct header header;
    return pread(blocks->checksums, &header, sizeof header, 0) == (ssize_t)sizeof header &&
           header.verified == 1;
}

void disk_blocks_set_verified(struct disk_blocks *blocks)
{
    const uint64_t yes = 1;
    if (blocks->writable &&
        pwrite(blocks->checksums, &yes, sizeof yes, offsetof(struct header, verified)) < 0)
        blocks->writable = false;
}
