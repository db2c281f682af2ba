/* SPDX-License-Identifier: MIT */
#include "disk_blocks.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "boot_identity.h"
#include "private_directory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TOUCH_SECONDS = 60, /* precision of "least recently used" */
    ENTRIES_AT_ONCE = 512,
    CLAIM_TRIES = 50, /* a millisecond apart */
};

#define FORMAT_MAGIC UINT64_C(0x336b6c6273667267) /* "grfsblk3" */

/* Values of `state`; any other: not verified, and blocks were forgotten. */
enum { STATE_NEW = 0, STATE_VERIFIED = 1 };

/* How the data file looked when its content was found right. What it holds of that may have been
 * lost when the machine stopped, so it is good for one run of the kernel. */
struct stamp {
    uint64_t boot; /* 0: none */
    uint64_t inode;
    uint64_t seconds, nanoseconds; /* of its last change */
};

struct header {
    uint64_t magic;
    uint64_t size;
    uint64_t block;
    uint64_t state;
    struct stamp stamp;
};

/* A range that one of this process's threads is changing. */
struct claim {
    uint64_t from, until;
    struct claim *next;
};

struct disk_blocks {
    uint64_t size;
    uint64_t count;
    int checksums; /* descriptors */
    int data;
    atomic_bool writable;
    pthread_mutex_t lock;
    struct claim *claims; /* under lock */
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
    return fstat(blocks->checksums, &status) == 0 && is_private(&status) &&
           (uint64_t)status.st_size == checksums_size(blocks) &&
           pread(blocks->checksums, &header, sizeof header, 0) == (ssize_t)sizeof header &&
           header.magic == FORMAT_MAGIC && header.size == blocks->size &&
           header.block == DISK_BLOCK;
}

static bool name_checksums(const char *path, char name[PATH_MAX])
{
    if (snprintf(name, PATH_MAX, "%s" DISK_BLOCKS_SUFFIX, path) < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* Falls back to reading alone where the disk allows no more. */
static int open_file(struct disk_blocks *blocks, const char *path)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0 && (errno == EACCES || errno == EROFS)) {
        atomic_store(&blocks->writable, false);
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    return descriptor;
}

/* What cannot be opened for what it is may be replaced; not for what is short at the moment. */
static bool means_nothing_there(int reason)
{
    return reason != EMFILE && reason != ENFILE && reason != ENOMEM && reason != EIO;
}

bool disk_blocks_are_at(const struct disk_blocks *blocks, const char *path)
{
    char name[PATH_MAX];
    struct stat own, named;
    return name_checksums(path, name) && fstat(blocks->checksums, &own) == 0 &&
           stat(name, &named) == 0 && own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

static bool open_pair(struct disk_blocks *blocks, const char *path)
{
    char name[PATH_MAX];
    struct stat status;
    if (!name_checksums(path, name))
        return false;
    blocks->checksums = open_file(blocks, name);
    if (blocks->checksums < 0) {
        errno = means_nothing_there(errno) ? ENOENT : errno;
        return false;
    }
    /* Exclusive locks are for those who remove it, or who mean no good. */
    if (flock(blocks->checksums, LOCK_SH | LOCK_NB) != 0)
        return false;
    blocks->data = header_fits(blocks) ? open_file(blocks, path) : -1;
    /* If the name still leads there, the data was not exchanged meanwhile either. */
    if (blocks->data >= 0 && fstat(blocks->data, &status) == 0 && S_ISREG(status.st_mode) &&
        is_private(&status) && disk_blocks_are_at(blocks, path))
        return true;
    errno = means_nothing_there(errno) ? ENOENT : errno;
    return false;
}

static void touch(const struct disk_blocks *blocks)
{
    struct stat status;
    if (fstat(blocks->checksums, &status) == 0 &&
        status.st_mtim.tv_sec + TOUCH_SECONDS < time(NULL))
        futimens(blocks->checksums, NULL);
}

static struct disk_blocks *blocks_new(uint64_t size)
{
    struct disk_blocks *blocks = calloc(1, sizeof *blocks);
    if (!blocks)
        return NULL;
    blocks->size = size;
    blocks->count = size / DISK_BLOCK + (size % DISK_BLOCK != 0);
    blocks->checksums = blocks->data = -1;
    atomic_init(&blocks->writable, true);
    pthread_mutex_init(&blocks->lock, NULL);
    return blocks;
}

static struct disk_blocks *opened_or_closed(struct disk_blocks *blocks, bool opened)
{
    int reason = errno;
    if (opened)
        return blocks;
    disk_blocks_close(blocks);
    errno = reason;
    return NULL;
}

struct disk_blocks *disk_blocks_open(const char *path, uint64_t size)
{
    struct disk_blocks *blocks = blocks_new(size);
    if (!blocks)
        return NULL;
    errno = 0;
    bool opened = open_pair(blocks, path);
    if (opened)
        touch(blocks);
    return opened_or_closed(blocks, opened);
}

static bool create_pair(struct disk_blocks *blocks, const char *path)
{
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    const struct header header = {
        .magic = FORMAT_MAGIC, .size = blocks->size, .block = DISK_BLOCK, .state = STATE_NEW};
    char name[PATH_MAX], nameless[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!name_checksums(path, name))
        return false;
    snprintf(nameless, sizeof nameless, "%.*s/.new", (int)(slash - path), path);
    unlink(name);
    unlink(path);
    unlink(nameless); /* of a process that was killed */
    blocks->data = open(path, flags, 0600);
    if (blocks->data < 0)
        return false;
    blocks->checksums = open(nameless, flags, 0600);
    if (blocks->checksums >= 0 && flock(blocks->checksums, LOCK_SH | LOCK_NB) == 0 &&
        pwrite(blocks->checksums, &header, sizeof header, 0) == (ssize_t)sizeof header &&
        ftruncate(blocks->checksums, (off_t)checksums_size(blocks)) == 0 &&
        rename(nameless, name) == 0)
        return true;
    int reason = errno;
    unlink(nameless);
    unlink(path);
    errno = reason;
    return false;
}

struct disk_blocks *disk_blocks_create(const char *path, uint64_t size)
{
    struct disk_blocks *blocks = blocks_new(size);
    return blocks ? opened_or_closed(blocks, create_pair(blocks, path)) : NULL;
}

void disk_blocks_close(struct disk_blocks *blocks)
{
    if (!blocks)
        return;
    if (blocks->checksums >= 0)
        close(blocks->checksums);
    if (blocks->data >= 0)
        close(blocks->data);
    pthread_mutex_destroy(&blocks->lock);
    free(blocks);
}

bool disk_blocks_writable(const struct disk_blocks *blocks)
{
    return atomic_load(&blocks->writable);
}

/* --- who may change a range --- */

static bool lock_range(const struct disk_blocks *blocks, const struct claim *claim, short type)
{
    struct flock range = {.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)claim->from,
                          .l_len = (off_t)(claim->until - claim->from)};
    return fcntl(blocks->data, F_OFD_SETLK, &range) == 0;
}

static void remove_claim(struct disk_blocks *blocks, struct claim *claim)
{
    pthread_mutex_lock(&blocks->lock);
    struct claim **link = &blocks->claims;
    while (*link != claim)
        link = &(*link)->next;
    *link = claim->next;
    pthread_mutex_unlock(&blocks->lock);
}

/* The range is the caller's alone until end_claim(), in all processes: threads of this one, which
 * share the descriptor and so its locks, are kept off by the list. False: somebody has some of it.
 */
static bool begin_claim(struct disk_blocks *blocks, struct claim *claim, uint64_t from,
                        uint64_t until)
{
    bool free_of_others = true;
    *claim = (struct claim){.from = from, .until = until};
    pthread_mutex_lock(&blocks->lock);
    for (const struct claim *other = blocks->claims; other; other = other->next)
        free_of_others = free_of_others && (other->from >= until || other->until <= from);
    if (free_of_others) {
        claim->next = blocks->claims;
        blocks->claims = claim;
    }
    pthread_mutex_unlock(&blocks->lock);
    if (!free_of_others)
        return false;
    if (lock_range(blocks, claim, F_WRLCK))
        return true;
    remove_claim(blocks, claim);
    return false;
}

static void end_claim(struct disk_blocks *blocks, struct claim *claim)
{
    lock_range(blocks, claim, F_UNLCK);
    remove_claim(blocks, claim);
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

static bool put_state(struct disk_blocks *blocks, uint64_t state)
{
    return pwrite(blocks->checksums, &state, sizeof state, offsetof(struct header, state)) ==
           (ssize_t)sizeof state;
}

/* Should this fail, or be somebody else's to do, the block fails its checksum again next time. */
static void forget_block(struct disk_blocks *blocks, uint64_t block)
{
    const uint64_t none = 0;
    uint64_t start = block * DISK_BLOCK;
    struct claim claim;
    if (!atomic_load(&blocks->writable) ||
        !begin_claim(blocks, &claim, start, start + block_length(blocks, block)))
        return;
    /* Not verified any more before the block may be written again. */
    if (!put_state(blocks, (uint64_t)clock_nanoseconds() | UINT64_C(1) << 63) ||
        pwrite(blocks->checksums, &none, sizeof none, entry_offset(block)) < 0)
        atomic_store(&blocks->writable, false);
    end_claim(blocks, &claim);
}

void disk_blocks_forget(struct disk_blocks *blocks, uint64_t offset)
{
    forget_block(blocks, offset / DISK_BLOCK);
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

/* Writes blocks that are missing, one after the other. */
static bool write_missing(struct disk_blocks *blocks, uint64_t first, const char *data, size_t size)
{
    uint64_t entries[ENTRIES_AT_ONCE];
    size_t count = 0;
    if (!write_all(blocks->data, data, size, (off_t)(first * DISK_BLOCK)))
        return false;
    while (size > 0) {
        size_t length = size < DISK_BLOCK ? size : DISK_BLOCK;
        entries[count] = checksum(first + count, data, length);
        count++;
        data += length;
        size -= length;
    }
    return write_all(blocks->checksums, (const char *)entries, count * sizeof *entries,
                     entry_offset(first));
}

/* Of a claimed range. */
static ssize_t write_claimed(struct disk_blocks *blocks, uint64_t offset, const char *data,
                             size_t size)
{
    ssize_t written = 0;
    while (size > 0) {
        bool present = true;
        uint64_t most = (uint64_t)ENTRIES_AT_ONCE * DISK_BLOCK;
        uint64_t end = offset + (size < most ? size : most);
        size_t part = (size_t)(disk_blocks_run(blocks, offset, end, &present) - offset);
        if (!present && !write_missing(blocks, offset / DISK_BLOCK, data, part))
            return -1;
        written += present ? 0 : (ssize_t)part;
        offset += part;
        data += part;
        size -= part;
    }
    return written;
}

ssize_t disk_blocks_write(struct disk_blocks *blocks, uint64_t offset, const void *data,
                          size_t size)
{
    struct claim claim;
    if (!begin_claim(blocks, &claim, offset, offset + size))
        return 0;
    ssize_t written =
        disk_blocks_is_verified(blocks) ? 0 : write_claimed(blocks, offset, data, size);
    int reason = errno;
    end_claim(blocks, &claim);
    errno = reason;
    return written;
}

/* --- verification --- */

uint64_t disk_blocks_state(const struct disk_blocks *blocks)
{
    struct header header;
    /* What cannot be read is never what it was before. */
    return pread(blocks->checksums, &header, sizeof header, 0) == (ssize_t)sizeof header
               ? header.state
               : UINT64_MAX;
}

bool disk_blocks_is_verified(const struct disk_blocks *blocks)
{
    return disk_blocks_state(blocks) == STATE_VERIFIED;
}

bool disk_blocks_set_verified(struct disk_blocks *blocks, uint64_t state_before)
{
    struct claim claim;
    bool claimed = false;
    if (!atomic_load(&blocks->writable))
        return false;
    /* Whoever writes what is there already is done in a moment. */
    for (int tries = 0; !claimed && tries < CLAIM_TRIES; tries++) {
        if (tries > 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        claimed = begin_claim(blocks, &claim, 0, blocks->size);
    }
    if (!claimed)
        return false;
    bool well = state_before != UINT64_MAX && disk_blocks_state(blocks) == state_before &&
                put_state(blocks, STATE_VERIFIED);
    end_claim(blocks, &claim);
    return well;
}

/* --- what is read past this module --- */

static struct stamp stamp_of(const struct stat *status)
{
    return (struct stamp){.boot = boot_identity(),
                          .inode = status->st_ino,
                          .seconds = (uint64_t)status->st_ctim.tv_sec,
                          .nanoseconds = (uint64_t)status->st_ctim.tv_nsec};
}

bool disk_blocks_look(const struct disk_blocks *blocks, struct stat *status)
{
    return fstat(blocks->data, status) == 0;
}

/* A content that was found right is moved then, which changes the time of the last change but not
 * that of the last writing. */
void disk_blocks_stamp(const struct disk_blocks *blocks, const struct stat *before)
{
    struct stat now;
    if (!disk_blocks_look(blocks, &now) || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != before->st_mtim.tv_nsec || now.st_size != before->st_size)
        return;
    struct stamp stamp = stamp_of(&now);
    if (pwrite(blocks->checksums, &stamp, sizeof stamp, offsetof(struct header, stamp)) < 0)
        return; /* it does not fit, then */
}

bool disk_blocks_is_untouched(const struct disk_blocks *blocks)
{
    struct header header;
    struct stat status;
    if (pread(blocks->checksums, &header, sizeof header, 0) != (ssize_t)sizeof header ||
        header.state != STATE_VERIFIED || header.stamp.boot == 0 ||
        !disk_blocks_look(blocks, &status) || (uint64_t)status.st_size != blocks->size)
        return false;
    struct stamp stamp = stamp_of(&status);
    return memcmp(&stamp, &header.stamp, sizeof stamp) == 0;
}

bool disk_blocks_freeze(struct disk_blocks *blocks)
{
    const struct claim whole = {.from = 0, .until = blocks->size};
    return lock_range(blocks, &whole, F_RDLCK);
}

int disk_blocks_descriptor(const struct disk_blocks *blocks)
{
    return blocks->data;
}
