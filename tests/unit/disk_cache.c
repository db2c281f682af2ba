/* SPDX-License-Identifier: MIT */
#include "content/disk_cache.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "check.h"
#include "content.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static char directory[] = "/tmp/disk_cache.XXXXXX";
static char last_report[512];
static unsigned reports;

static void take_report(void *context, const char *message)
{
    (void)context;
    reports++;
    snprintf(last_report, sizeof last_report, "%s", message);
}

static struct disk_cache *cache_new(const char *where, uint64_t limit)
{
    char objects[256];
    snprintf(objects, sizeof objects, "%s/official", directory);
    return disk_cache_new(&(struct disk_cache_config){
        .directory = where, .limit = limit, .client_objects = objects, .report = take_report});
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static uint64_t bytes_below;
static char data_path[512];

static int count_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)walk;
    if (type != FTW_F)
        return 0;
    bytes_below += (uint64_t)status->st_blocks * 512;
    if (!strstr(path, ".blocks") && !strstr(path, "/lock"))
        snprintf(data_path, sizeof data_path, "%s", path);
    return 0;
}

/* Bytes on disk; data_path is then a content's data file. */
static uint64_t usage(const char *where)
{
    bytes_below = 0;
    nftw(where, count_one, 16, FTW_PHYS);
    return bytes_below;
}

static void blocks_are_served_before_the_file_is_complete(void)
{
    unsigned char digest[MD5_SIZE];
    enum { SIZE = 3 * MIB + 777 };
    cleanup_free char *content = content_new(SIZE, 1, digest);
    cleanup_free char *buffer = malloc(SIZE);
    char where[64];
    bool present;
    snprintf(where, sizeof where, "%s/blocks", directory);
    struct disk_cache *cache = cache_new(where, 100 * MIB);
    struct disk_file *file = disk_file_open(cache, digest, SIZE);
    CHECK(disk_file_read(file, 0, buffer, SIZE) == 0);
    CHECK(disk_file_run(file, 0, SIZE, &present) == SIZE && !present);
    disk_file_write(file, MIB, content + MIB, MIB);
    CHECK(disk_file_read(file, 0, buffer, SIZE) == 0);
    CHECK(disk_file_read(file, MIB + 5, buffer, 100) == 100);
    CHECK(memcmp(buffer, content + MIB + 5, 100) == 0);
    CHECK(disk_file_read(file, MIB + 5, buffer, SIZE) == MIB - 5);
    CHECK(memcmp(buffer, content + MIB + 5, MIB - 5) == 0);
    CHECK(disk_file_run(file, 0, SIZE, &present) == MIB && !present);
    CHECK(disk_file_run(file, MIB + 3, SIZE, &present) == 2 * MIB && present);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_INCOMPLETE);
    disk_file_write(file, 0, content, MIB);
    disk_file_write(file, 2 * MIB, content + 2 * MIB, SIZE - 2 * MIB);
    CHECK(!disk_file_is_verified(file));
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    disk_file_close(file);
    disk_cache_free(cache);

    /* Another process, another day. */
    cache = cache_new(where, 100 * MIB);
    file = disk_file_open(cache, digest, SIZE);
    CHECK(disk_file_is_verified(file));
    CHECK(disk_file_read(file, 0, buffer, SIZE) == SIZE);
    CHECK(memcmp(buffer, content, SIZE) == 0);
    CHECK(disk_file_read(file, SIZE - 10, buffer, 4096) == 10);
    disk_file_close(file);
    disk_cache_free(cache);
}

static void a_wrong_digest_is_forgotten(void)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(MIB, 2, digest);
    char buffer[16];
    char where[64];
    snprintf(where, sizeof where, "%s/wrong", directory);
    struct disk_cache *cache = cache_new(where, 100 * MIB);
    struct disk_file *file = disk_file_open(cache, digest, MIB);
    content[4711] ^= 1;
    disk_file_write(file, 0, content, MIB);
    CHECK(disk_file_read(file, 0, buffer, sizeof buffer) == sizeof buffer);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_BAD);
    CHECK(disk_file_read(file, 0, buffer, sizeof buffer) == 0);
    content[4711] ^= 1;
    disk_file_write(file, 0, content, MIB);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    disk_file_close(file);
    disk_cache_free(cache);
}

static void flipped_bytes_are_not_served(void)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(MIB, 3, digest);
    cleanup_free char *buffer = malloc(MIB);
    char where[64];
    snprintf(where, sizeof where, "%s/flipped", directory);
    struct disk_cache *cache = cache_new(where, 100 * MIB);
    struct disk_file *file = disk_file_open(cache, digest, MIB);
    disk_file_write(file, 0, content, MIB);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    usage(where);
    int data = open(data_path, O_WRONLY);
    char flipped = (char)~content[100000];
    CHECK(pwrite(data, &flipped, 1, 100000) == 1);
    close(data);
    reports = 0;
    CHECK(disk_file_read(file, 0, buffer, MIB) == 100000 / DISK_BLOCK * DISK_BLOCK);
    CHECK(!disk_file_is_verified(file));
    CHECK(reports == 1);
    CHECK(strstr(last_report, "damaged"));
    CHECK(disk_file_read(file, 100000, buffer, 1) == 0);
    disk_file_write(file, 3 * DISK_BLOCK, content + 3 * DISK_BLOCK, DISK_BLOCK);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    CHECK(truncate(data_path, 1000) == 0);
    CHECK(disk_file_read(file, 0, buffer, MIB) == 0);
    disk_file_close(file);
    disk_cache_free(cache);
}

/* Writes contents and reads none; the limit holds at every moment. */
static void the_limit_is_kept(void)
{
    enum { LIMIT = 8 * MIB, FILES = 40 };
    char where[64];
    char byte;
    bool kept = true;
    snprintf(where, sizeof where, "%s/limit", directory);
    struct disk_cache *cache = cache_new(where, LIMIT);
    unsigned char digests[FILES][MD5_SIZE];
    for (unsigned i = 0; i < FILES; i++) {
        cleanup_free char *content = content_new(MIB, 100 + i, digests[i]);
        struct disk_file *file = disk_file_open(cache, digests[i], MIB);
        disk_file_write(file, 0, content, MIB);
        disk_file_close(file);
        kept = kept && usage(where) <= LIMIT;
    }
    CHECK(kept);
    struct disk_file *file = disk_file_open(cache, digests[FILES - 1], MIB);
    CHECK(disk_file_read(file, 0, &byte, 1) == 1);
    disk_file_close(file);
    file = disk_file_open(cache, digests[0], MIB);
    CHECK(disk_file_read(file, 0, &byte, 1) == 0);
    disk_file_close(file);
    disk_cache_free(cache);
}

static void an_open_file_is_not_removed(void)
{
    enum { LIMIT = 4 * MIB };
    char where[64];
    char byte;
    unsigned char digest[MD5_SIZE];
    snprintf(where, sizeof where, "%s/open", directory);
    struct disk_cache *cache = cache_new(where, LIMIT);
    cleanup_free char *content = content_new(MIB, 4, digest);
    struct disk_file *open_file = disk_file_open(cache, digest, MIB);
    disk_file_write(open_file, 0, content, MIB);
    for (unsigned i = 0; i < 20; i++) {
        unsigned char other[MD5_SIZE];
        cleanup_free char *bytes = content_new(MIB, 200 + i, other);
        struct disk_file *file = disk_file_open(cache, other, MIB);
        disk_file_write(file, 0, bytes, MIB);
        disk_file_close(file);
    }
    struct disk_file *again = disk_file_open(cache, digest, MIB);
    CHECK(disk_file_read(again, MIB - 1, &byte, 1) == 1);
    CHECK(usage(where) <= LIMIT);
    disk_file_close(again);
    disk_file_close(open_file);
    disk_cache_free(cache);
}

static void an_unwritable_place_is_said_once(void)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(MIB, 5, digest);
    struct disk_cache_figures figures;
    char byte;
    reports = 0;
    struct disk_cache *cache = cache_new("/proc/registryfs", 100 * MIB);
    for (int i = 0; i < 3; i++) {
        struct disk_file *file = disk_file_open(cache, digest, MIB);
        disk_file_write(file, 0, content, MIB);
        CHECK(disk_file_read(file, 0, &byte, 1) == 0);
        disk_file_close(file);
    }
    disk_cache_read_figures(cache, &figures);
    CHECK(reports == 1);
    CHECK(strstr(figures.problem, "/proc/registryfs"));
    disk_cache_free(cache);
    cache = cache_new(directory, 0);
    CHECK(disk_file_open(cache, digest, MIB) == NULL);
    disk_cache_free(cache);
}

static void the_official_copy_is_used_after_a_check(void)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(MIB, 6, digest);
    char where[64], folder[128], path[256], hex[33];
    char byte;
    for (int i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    snprintf(where, sizeof where, "%s/adopt", directory);
    snprintf(folder, sizeof folder, "%s/official", directory);
    mkdir(folder, 0700);
    snprintf(folder, sizeof folder, "%s/official/%.2s", directory, hex);
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/%s", folder, hex + 2);
    struct disk_cache *cache = cache_new(where, 100 * MIB);
    struct disk_file *file = disk_file_open(cache, digest, MIB);
    CHECK(!disk_file_adoptable(file));
    content[5] ^= 1;
    int copy = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(pwrite(copy, content, MIB, 0) == MIB);
    CHECK(disk_file_adoptable(file));
    CHECK(!disk_file_adopt(file, NULL));
    CHECK(disk_file_read(file, 5, &byte, 1) == 0);
    content[5] ^= 1;
    CHECK(pwrite(copy, content, MIB, 0) == MIB);
    CHECK(disk_file_adopt(file, NULL));
    CHECK(disk_file_read(file, 5, &byte, 1) == 1 && byte == content[5]);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    byte = 0;
    CHECK(pwrite(copy, &byte, 1, 6) == 1);
    CHECK(disk_file_read(file, 5, &byte, 1) == 0);
    close(copy);
    disk_file_close(file);
    CHECK(usage(where) == 0);
    disk_cache_free(cache);
}

/* Writes the content to a cache for ever, and a byte to the pipe for each block. */
static _Noreturn void write_until_killed(const char *where, const unsigned char *digest,
                                         const char *content, size_t size, int progress)
{
    struct disk_cache *cache = cache_new(where, 100 * MIB);
    struct disk_file *file = disk_file_open(cache, digest, size);
    for (uint64_t at = 0;; at = (at + DISK_BLOCK) % size) {
        disk_file_write(file, at, content + at, DISK_BLOCK);
        if (write(progress, "", 1) != 1)
            _exit(1);
    }
}

/* A process that is killed at some point while it writes leaves nothing wrong. */
static void a_kill_leaves_no_wrong_bytes(void)
{
    enum { SIZE = 4 * MIB, ROUNDS = 30 };
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 7, digest);
    cleanup_free char *buffer = malloc(SIZE);
    char where[64];
    size_t found = 0;
    bool right = true;
    snprintf(where, sizeof where, "%s/kill", directory);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int progress[2];
        CHECK(pipe(progress) == 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(where, digest, content, SIZE, progress[1]);
        close(progress[1]);
        /* The first rounds end it before a block is certain. */
        for (unsigned written = 0; written < round / 3; written++)
            CHECK(read(progress[0], buffer, 1) == 1);
        usleep(200 * (round % 10));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(progress[0]);
        struct disk_cache *cache = cache_new(where, 100 * MIB);
        struct disk_file *file = disk_file_open(cache, digest, SIZE);
        for (size_t at = 0; at < SIZE; at += DISK_BLOCK) {
            size_t got = disk_file_read(file, at, buffer, DISK_BLOCK);
            right = right && memcmp(buffer, content + at, got) == 0;
            found += got;
        }
        disk_file_close(file);
        disk_cache_free(cache);
    }
    CHECK(right);
    CHECK(found > 0);
}

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    blocks_are_served_before_the_file_is_complete();
    a_wrong_digest_is_forgotten();
    flipped_bytes_are_not_served();
    the_limit_is_kept();
    an_open_file_is_not_removed();
    an_unwritable_place_is_said_once();
    the_official_copy_is_used_after_a_check();
    a_kill_leaves_no_wrong_bytes();
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_result();
}
