/* SPDX-License-Identifier: MIT */
/* What a disk cache may cost: memory for counting very many contents, descriptors for very many
 * open ones. CONTENTS=1000000 for the full number. */
#include "content/disk_cache.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "check.h"
#include "content.h"
#include "content/disk_place.h"
#include "content/disk_space.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MIB = 1 << 20,
    BLOCK = 32 * 1024,
    CONTENTS = 30000,
    MOST_LINKS = 30000, /* of one file; filesystems have limits */
    MEMORY = 64 * MIB,
    PAGE = 4096,
};

static char directory[32];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static unsigned long contents(void)
{
    const char *text = getenv("CONTENTS");
    return text ? strtoul(text, NULL, 10) : CONTENTS;
}

/* --- very many contents --- */

static void make_source(const char *path)
{
    static const char page[PAGE];
    unlink(path);
    int descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(write(descriptor, page, sizeof page) == (ssize_t)sizeof page);
    close(descriptor);
}

/* Names for `count` contents of two pages each, in little time and space: all are links. */
static void fill(const char *where, unsigned long count)
{
    char source[128], path[PATH_MAX], blocks[PATH_MAX + 16];
    struct disk_key key = {.size = PAGE};
    mkdir(where, 0700);
    snprintf(source, sizeof source, "%s/objects", where);
    mkdir(source, 0700);
    for (unsigned first = 0; first < 256; first++) {
        snprintf(path, sizeof path, "%s/objects/%02x", where, first);
        mkdir(path, 0700);
    }
    snprintf(source, sizeof source, "%s/.source", where);
    for (unsigned long i = 0; i < count; i++) {
        if (i % (MOST_LINKS / 2) == 0)
            make_source(source);
        uint64_t name = i * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(key.md5, &name, sizeof name);
        CHECK(disk_place_path(where, NULL, &key, path));
        snprintf(blocks, sizeof blocks, "%s" DISK_BLOCKS_SUFFIX, path);
        CHECK(link(source, path) == 0 && link(source, blocks) == 0);
    }
    unlink(source);
}

static bool is_watched_by_a_sanitizer(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    return false;
}

/* Sanitizers reserve whole address spaces. */
static void limit_memory(void)
{
    struct rlimit limit = {.rlim_cur = MEMORY, .rlim_max = MEMORY};
    if (!is_watched_by_a_sanitizer())
        CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* A round has ended well: room may be had before, while it still looks whether that was enough. */
static bool has_counted(struct disk_space *space)
{
    pthread_mutex_lock(&space->lock);
    bool counted = space->failure == 0 && space->counted;
    pthread_mutex_unlock(&space->lock);
    return counted;
}

static uint64_t counted(const char *where, uint64_t limit, unsigned *failures)
{
    struct disk_space space;
    disk_space_init(&space, where, limit);
    /* Whoever reserves does not wait for the end. */
    bool reserved = false;
    for (unsigned long tries = 0;
         tries < 6000 + contents() / 10 && !(reserved && has_counted(&space)); tries++) {
        reserved = reserved || disk_space_reserve(&space, PAGE);
        usleep(20 * 1000);
    }
    *failures += !reserved || !has_counted(&space);
    uint64_t used = atomic_load(&space.used);
    disk_space_release(&space);
    return used;
}

static uint64_t names_below(const char *where)
{
    char path[PATH_MAX];
    uint64_t names = 0;
    for (unsigned first = 0; first < 256; first++) {
        snprintf(path, sizeof path, "%s/objects/%02x", where, first);
        DIR *folder = opendir(path);
        while (folder && readdir(folder))
            names++;
        if (folder)
            closedir(folder);
    }
    return names - (uint64_t)2 * 256;
}

/* Counts them, and removes all but a quarter, in a process that has little memory. */
static void many_contents_take_little_memory(void)
{
    char where[64];
    unsigned long count = contents();
    uint64_t bytes = (uint64_t)count * 2 * PAGE;
    int status;
    snprintf(where, sizeof where, "%s/many", directory);
    fill(where, count);
    pid_t child = fork();
    if (child == 0) {
        unsigned failures = 0;
        limit_memory();
        uint64_t used = counted(where, 2 * bytes + 100 * MIB, &failures);
        failures += used < bytes || used > bytes + bytes / 10 + 32 * MIB;
        failures += counted(where, bytes / 4, &failures) > bytes / 4;
        _exit(failures > 0);
    }
    waitpid(child, &status, 0);
    CHECK(status == 0);
    uint64_t left = names_below(where) * PAGE;
    CHECK(left > bytes / 8 && left <= bytes / 4);
}

/* --- reading goes on meanwhile --- */

/* The first bytes of a content come at once, although it takes long to count the others. */
static void nobody_waits_for_the_count(void)
{
    enum { LONGEST_MS = 20 * 1000 };
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(BLOCK, 1, digest);
    char where[64], byte;
    snprintf(where, sizeof where, "%s/many", directory);
    struct disk_cache *cache =
        disk_cache_new(&(struct disk_cache_config){.directory = where, .limit = UINT64_C(1) << 40});
    struct disk_file *file = disk_file_open(cache, digest, BLOCK);
    int64_t started = clock_milliseconds();
    CHECK(disk_file_read(file, 0, &byte, 1) == 0);
    disk_file_write(file, 0, content, BLOCK);
    CHECK(clock_milliseconds() - started < LONGEST_MS);
    disk_file_close(file);
    disk_cache_free(cache);
}

/* --- descriptors --- */

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void many_open_files_take_few_descriptors(unsigned limit)
{
    enum { FILES = 300 };
    static struct disk_file *files[FILES];
    static char *texts[FILES];
    char where[64], byte;
    unsigned most = 0, right = 0, before = open_descriptors();
    snprintf(where, sizeof where, "%s/open-%u", directory, limit);
    struct disk_cache *cache = disk_cache_new(&(struct disk_cache_config){
        .directory = where, .limit = 1024 * (uint64_t)MIB, .descriptors = limit});
    for (unsigned i = 0; i < FILES; i++) {
        unsigned char digest[MD5_SIZE];
        texts[i] = content_new(BLOCK + 5, 100 + i, digest);
        files[i] = disk_file_open(cache, digest, BLOCK + 5);
        disk_file_write(files[i], 0, texts[i], BLOCK + 5);
        if (i % 2)
            CHECK(disk_file_check(files[i], NULL) == DISK_CHECK_GOOD);
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < FILES; i++) {
            unsigned now = open_descriptors() - before;
            most = now > most ? now : most;
            right +=
                disk_file_read(files[i], BLOCK + 1, &byte, 1) == 1 && byte == texts[i][BLOCK + 1];
        }
    }
    CHECK(right == 2 * FILES);
    CHECK(most <= limit + 2);
    for (unsigned i = 0; i < FILES; i++) {
        disk_file_close(files[i]);
        free(texts[i]);
    }
    disk_cache_free(cache);
    CHECK(open_descriptors() == before);
}

int main(void)
{
    /* Very many names take long on a disk. */
    bool has_memory = access("/dev/shm", W_OK) == 0;
    snprintf(directory, sizeof directory, "%s/disk_limits.XXXXXX",
             has_memory ? "/dev/shm" : "/tmp");
    if (!mkdtemp(directory))
        return 1;
    many_contents_take_little_memory();
    nobody_waits_for_the_count();
    many_open_files_take_few_descriptors(16);
    many_open_files_take_few_descriptors(1000);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_result();
}
