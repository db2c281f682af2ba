/* SPDX-License-Identifier: MIT */
/*
 * A content in the disk cache that something has harmed: nothing but its own bytes is ever served,
 * and it can be filled and verified again. The first byte says what the cache held; then
 *   - 'B': the rest is the file of checksums, the bytes are whole;
 *   - 'L': the rest is the file that counts the room;
 *   - else steps of four bytes: what is done to which file, where (two bytes), with which byte.
 * Too few single bytes of checksums are changed to forge one: who can do that owns the cache.
 */
#include "content/disk_cache.h"
#include "base/banned.h"
#include "base/cleanup.h"
#include "fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 2 * DISK_BLOCK + 777, LIMIT = 64 << 20, STEP = 4, MOST_CHANGES = 6, ODD = 12301 };

/* [0]: what is verified, [1]: what is not; each the bytes and the checksums. */
static char places[2][2][PATH_MAX];
static char directory[PATH_MAX], count_path[PATH_MAX];
static char (*paths)[PATH_MAX] = places[0]; /* where the content is */
static char content[SIZE];
static unsigned char digest[MD5_SIZE];

static void make_content(void)
{
    const char *parent = getenv("TMPDIR");
    struct md5 *md5 = md5_new();
    char hex[2 * MD5_SIZE + 1] = "";
    uint32_t state = 1;
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (char)((state = state * 1664525 + 1013904223) >> 24);
    must(md5 && md5_update(md5, content, SIZE) && md5_finish(md5, digest));
    md5_free(md5);
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    snprintf(directory, sizeof directory, "%s/disk_cache.XXXXXX", parent ? parent : "/tmp");
    must(mkdtemp(directory) != NULL);
    /* The digest of no server's name. */
    static const char *const folders[] = {"objects", "unverified/d41d8cd98f00b204e9800998ecf8427e"};
    for (size_t i = 0; i < 2; i++) {
        must(snprintf(places[i][0], PATH_MAX, "%s/%s/%.2s/%s-%d", directory, folders[i], hex, hex,
                      SIZE) < PATH_MAX);
        must(snprintf(places[i][1], PATH_MAX, "%s" DISK_BLOCKS_SUFFIX, places[i][0]) < PATH_MAX);
    }
    must(snprintf(count_path, sizeof count_path, "%s/lock", directory) < PATH_MAX);
}

static struct disk_file *open_content(struct disk_cache **cache)
{
    *cache = disk_cache_new(&(struct disk_cache_config){.directory = directory, .limit = LIMIT});
    must(*cache != NULL);
    struct disk_file *file = disk_file_open(*cache, digest, SIZE);
    must(file != NULL);
    return file;
}

static void close_content(struct disk_cache *cache, struct disk_file *file)
{
    disk_file_close(file);
    disk_cache_free(cache);
}

/* 1: all of it and verified, 2: all of it; else the first block alone. */
static void fill(uint8_t how)
{
    struct disk_cache *cache;
    for (size_t i = 0; i < 4; i++)
        remove(places[i / 2][i % 2]);
    remove(count_path);
    struct disk_file *file = open_content(&cache);
    disk_file_write(file, 0, content, how % 3 ? SIZE : DISK_BLOCK);
    if (how % 3 == 1)
        must(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    paths = places[how % 3 != 1];
    must(access(paths[1], F_OK) == 0);
    close_content(cache, file);
}

static void put(const char *path, off_t offset, const void *data, size_t size, int flags)
{
    cleanup_close int descriptor = open(path, O_WRONLY | O_NOFOLLOW | flags, 0600);
    if (descriptor >= 0)
        must(pwrite(descriptor, data, size, offset) == (ssize_t)size);
}

static void flip(const char *path, off_t offset, uint8_t with)
{
    cleanup_close int descriptor = open(path, O_RDWR | O_NOFOLLOW);
    uint8_t byte;
    if (descriptor < 0 || pread(descriptor, &byte, 1, offset) != 1)
        return;
    byte ^= with;
    must(pwrite(descriptor, &byte, 1, offset) == 1);
}

/* Another block's bytes where this one's should be. */
static void misplace(const char *path, off_t from, off_t to)
{
    char block[DISK_BLOCK];
    cleanup_close int descriptor = open(path, O_RDWR | O_NOFOLLOW);
    ssize_t size = descriptor < 0 ? 0 : pread(descriptor, block, sizeof block, from);
    if (size > 0)
        must(pwrite(descriptor, block, (size_t)size, to) == size);
}

static void harm(const uint8_t *step, unsigned *changes)
{
    static const char zeros[512];
    const char *path = paths[step[0] & 1];
    off_t offset = step[1] | step[2] << 8;
    switch ((step[0] >> 1) % 7) {
    case 0:
        if ((*changes)++ < MOST_CHANGES)
            flip(path, offset, step[3]);
        break;
    case 1:
        if (truncate(path, offset) != 0)
            return;
        break;
    case 2:
        put(path, offset, zeros, sizeof zeros, 0);
        break;
    case 3:
        misplace(path, (off_t)(step[1] % 3) * DISK_BLOCK, (off_t)(step[2] % 3) * DISK_BLOCK);
        break;
    case 4:
        remove(path);
        break;
    case 5:
        remove(path);
        must(mkdir(path, 0700) == 0);
        break;
    default:
        remove(path);
        must(symlink(step[3] & 1 ? "/dev/zero" : paths[1], path) == 0);
        break;
    }
}

static void must_be_its_own(struct disk_file *file, size_t offset, size_t size)
{
    static char buffer[SIZE];
    memset(buffer, 'x', sizeof buffer);
    size_t got = disk_file_read(file, offset, buffer, size);
    must(got <= size && offset + got <= SIZE);
    must(memcmp(buffer, content + offset, got) == 0);
}

static void look(void)
{
    struct disk_cache *cache;
    struct disk_file *file = open_content(&cache);
    bool present;
    for (size_t at = 0; at < SIZE; at += ODD)
        must_be_its_own(file, at, at % 3 ? 100 : SIZE - at);
    for (uint64_t at = 0, end; at < SIZE; at = end) {
        end = disk_file_run(file, at, SIZE, &present);
        must(end > at && end <= SIZE);
    }
    disk_file_check(file, NULL);
    must_be_its_own(file, 0, SIZE);
    disk_file_write(file, 0, content, SIZE);
    must_be_its_own(file, 0, SIZE);
    must(disk_file_check(file, NULL) != DISK_CHECK_BAD);
    close_content(cache, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned changes = 0;
    if (size < 2)
        return 0;
    if (!directory[0])
        make_content();
    fill(data[0]);
    if (data[1] == 'B' || data[1] == 'L') {
        put(data[1] == 'B' ? paths[1] : count_path, 0, data + 2, size - 2, O_CREAT | O_TRUNC);
    } else {
        for (size_t at = 1; at + STEP <= size && at < 16 * STEP; at += STEP)
            harm(data + at, &changes);
    }
    look();
    return 0;
}
