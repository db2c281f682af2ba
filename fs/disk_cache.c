/* SPDX-License-Identifier: MIT */
#include "disk_cache.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "disk_space.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

enum {
    PAUSE_MS = 10 * 1000, /* after a failed write, nothing is written for so long */
    STEP = 1 << 20,       /* bytes hashed or written at a time */
    DISK_PAGE = 4096,     /* least room that a file takes */
    ADOPTED_REMEMBERED = 256,
};

/* Larger ones are hardly true, and no disk has room for the list of their blocks. */
static const uint64_t LARGEST_FILE = UINT64_C(1) << 44;

/* A copy of the official client's whose digest was found right, and how the file looked then. */
struct adopted {
    unsigned char md5[MD5_SIZE];
    struct stat status;
};

struct disk_cache {
    char *directory;
    char *client_objects;
    void (*report)(void *context, const char *message);
    void *context;
    struct disk_space space;
    _Atomic uint64_t read_bytes;
    _Atomic uint64_t written_bytes;
    _Atomic uint64_t damaged;
    _Atomic int64_t paused_until; /* clock_milliseconds(); 0: writing goes well */
    pthread_mutex_t lock;         /* of what follows */
    char problem[256];
    char reported[256]; /* the last problem that was reported: each is said once */
    struct adopted adopted[ADOPTED_REMEMBERED];
    size_t adopted_count;
};

struct disk_file {
    struct disk_cache *cache;
    unsigned char md5[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1];
    uint64_t size;
    char path[PATH_MAX];
    _Atomic(struct disk_blocks *) blocks; /* NULL until there are some; then for good */
    struct stat adopted_status;           /* set before `adopted` */
    atomic_int adopted;                   /* the official client's copy, -1: none */
};

struct disk_cache *disk_cache_new(const struct disk_cache_config *config)
{
    struct disk_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->directory = strdup(config->directory);
    cache->client_objects = config->client_objects ? strdup(config->client_objects) : NULL;
    cache->report = config->report;
    cache->context = config->context;
    cache->space.directory = cache->directory;
    cache->space.limit = config->limit;
    pthread_mutex_init(&cache->lock, NULL);
    if (!cache->directory || (config->client_objects && !cache->client_objects)) {
        disk_cache_free(cache);
        return NULL;
    }
    return cache;
}

void disk_cache_free(struct disk_cache *cache)
{
    if (!cache)
        return;
    disk_space_settle(&cache->space);
    pthread_mutex_destroy(&cache->lock);
    free(cache->directory);
    free(cache->client_objects);
    free(cache);
}

void disk_cache_read_figures(struct disk_cache *cache, struct disk_cache_figures *figures)
{
    *figures = (struct disk_cache_figures){
        .directory = cache->directory,
        .limit = cache->space.limit,
        .used = atomic_load(&cache->space.used),
        .read_bytes = atomic_load(&cache->read_bytes),
        .written_bytes = atomic_load(&cache->written_bytes),
        .damaged = atomic_load(&cache->damaged),
    };
    pthread_mutex_lock(&cache->lock);
    memcpy(figures->problem, cache->problem, sizeof figures->problem);
    pthread_mutex_unlock(&cache->lock);
}

/* --- what goes wrong --- */

static void say(const struct disk_cache *cache, const char *message)
{
    if (cache->report)
        cache->report(cache->context, message);
}

/* Stops writing for a while; says why, once. */
static void pause_writing(struct disk_cache *cache, int reason)
{
    char message[sizeof cache->problem];
    if (reason == ENOSPC)
        snprintf(message, sizeof message,
                 "nothing is cached in %.100s: the cache's limit or the disk (10 %% of it stay "
                 "free) is used up",
                 cache->directory);
    else
        snprintf(message, sizeof message, "nothing is cached in %.100s: %.100s", cache->directory,
                 strerror(reason));
    atomic_store(&cache->paused_until, clock_milliseconds() + PAUSE_MS);
    pthread_mutex_lock(&cache->lock);
    bool new = strcmp(cache->reported, message) != 0;
    memcpy(cache->problem, message, sizeof message);
    memcpy(cache->reported, message, sizeof message);
    pthread_mutex_unlock(&cache->lock);
    if (new)
        say(cache, message);
}

static bool may_write(struct disk_cache *cache)
{
    int64_t until = atomic_load(&cache->paused_until);
    return until == 0 || clock_milliseconds() >= until;
}

static void wrote_well(struct disk_cache *cache, size_t size)
{
    atomic_fetch_add(&cache->written_bytes, size);
    if (atomic_exchange(&cache->paused_until, 0) == 0)
        return;
    pthread_mutex_lock(&cache->lock);
    cache->problem[0] = '\0';
    pthread_mutex_unlock(&cache->lock);
}

static void found_damage(struct disk_file *file)
{
    char message[256];
    if (atomic_fetch_add(&file->cache->damaged, 1) > 0)
        return;
    snprintf(message, sizeof message, "damaged bytes in the cache are fetched again: %.180s",
             file->path);
    say(file->cache, message);
}

/* --- one content --- */

static bool make_folders(const struct disk_file *file)
{
    char path[PATH_MAX];
    memcpy(path, file->path, sizeof path);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && access(path, X_OK) != 0)
            return false;
        *slash = '/';
    }
    return true;
}

/* What is there of the file, opened if need be; NULL with errno. */
static struct disk_blocks *blocks_of(struct disk_file *file, bool create)
{
    struct disk_blocks *known = atomic_load(&file->blocks);
    if (known)
        return known;
    if (create && !make_folders(file))
        return NULL;
    struct disk_blocks *opened = disk_blocks_open(file->path, file->size, create);
    if (opened && !atomic_compare_exchange_strong(&file->blocks, &known, opened)) {
        disk_blocks_close(opened);
        return known;
    }
    return opened;
}

struct disk_file *disk_file_open(struct disk_cache *cache, const unsigned char md5[MD5_SIZE],
                                 uint64_t size)
{
    if (cache->space.limit == 0 || size == 0 || size > LARGEST_FILE)
        return NULL;
    struct disk_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->cache = cache;
    file->size = size;
    memcpy(file->md5, md5, MD5_SIZE);
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(file->hex + 2 * i, 3, "%02x", md5[i]);
    atomic_init(&file->adopted, -1);
    int length = snprintf(file->path, sizeof file->path, "%s/objects/%.2s/%s-%llu",
                          cache->directory, file->hex, file->hex, (unsigned long long)size);
    if (length >= (int)sizeof file->path) {
        free(file);
        return NULL;
    }
    blocks_of(file, false);
    return file;
}

void disk_file_close(struct disk_file *file)
{
    if (!file)
        return;
    disk_blocks_close(atomic_load(&file->blocks));
    if (atomic_load(&file->adopted) >= 0)
        close(atomic_load(&file->adopted));
    free(file);
}

static bool looks_the_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The official client's copy as long as nobody touches it; else -1. */
static int adopted_of(const struct disk_file *file)
{
    struct stat status;
    int adopted = atomic_load(&file->adopted);
    if (adopted >= 0 && fstat(adopted, &status) == 0 &&
        looks_the_same(&status, &file->adopted_status))
        return adopted;
    return -1;
}

size_t disk_file_read(struct disk_file *file, uint64_t offset, void *buffer, size_t size)
{
    size_t done = 0;
    int adopted = adopted_of(file);
    struct disk_blocks *blocks = atomic_load(&file->blocks);
    if (adopted >= 0) {
        ssize_t got = pread(adopted, buffer, size, (off_t)offset);
        done = got > 0 ? (size_t)got : 0;
    } else if (blocks) {
        bool damaged;
        done = disk_blocks_read(blocks, offset, buffer, size, &damaged);
        if (damaged)
            found_damage(file);
    }
    atomic_fetch_add(&file->cache->read_bytes, done);
    return done;
}

uint64_t disk_file_run(struct disk_file *file, uint64_t offset, uint64_t end, bool *present)
{
    const struct disk_blocks *blocks = atomic_load(&file->blocks);
    *present = adopted_of(file) >= 0;
    return *present || !blocks ? end : disk_blocks_run(blocks, offset, end, present);
}

void disk_file_prefetch(struct disk_file *file, uint64_t offset, uint64_t size)
{
    const struct disk_blocks *blocks = atomic_load(&file->blocks);
    int adopted = adopted_of(file);
    if (adopted >= 0)
        posix_fadvise(adopted, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
    else if (blocks)
        disk_blocks_prefetch(blocks, offset, size);
}

static bool write_part(struct disk_file *file, uint64_t offset, const char *data, size_t size)
{
    struct disk_blocks *blocks = blocks_of(file, true);
    /* Whole pages, and one for the checksums. */
    size_t room = (size + DISK_PAGE - 1) / DISK_PAGE * DISK_PAGE + DISK_PAGE;
    if (!blocks)
        return false;
    if (!disk_blocks_writable(blocks)) {
        errno = EROFS;
        return false;
    }
    if (!disk_space_reserve(&file->cache->space, room))
        return false;
    if (disk_blocks_write(blocks, offset, data, size)) {
        disk_space_written(&file->cache->space, room);
        return true;
    }
    int reason = errno;
    disk_space_return(&file->cache->space, room);
    errno = reason;
    return false;
}

void disk_file_write(struct disk_file *file, uint64_t offset, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0 && may_write(file->cache)) {
        size_t part = size < STEP ? size : STEP;
        if (!write_part(file, offset, bytes, part)) {
            pause_writing(file->cache, errno);
            return;
        }
        wrote_well(file->cache, part);
        bytes += part;
        offset += part;
        size -= part;
    }
}

/* --- digests --- */

/* Hashes what `read` delivers in order; false when it ends early, or cancelled. */
static bool hash(struct disk_file *file, int descriptor, const atomic_bool *cancelled,
                 unsigned char digest[MD5_SIZE])
{
    cleanup_free char *buffer = malloc(STEP);
    struct md5 *md5 = md5_new();
    bool well = buffer && md5;
    for (uint64_t offset = 0; well && offset < file->size;) {
        size_t got;
        if (descriptor >= 0) {
            ssize_t count = pread(descriptor, buffer, STEP, (off_t)offset);
            got = count > 0 ? (size_t)count : 0;
        } else {
            got = disk_file_read(file, offset, buffer, STEP);
        }
        well = got > 0 && !(cancelled && atomic_load(cancelled)) && md5_update(md5, buffer, got);
        offset += got;
    }
    well = well && md5_finish(md5, digest);
    md5_free(md5);
    return well;
}

bool disk_file_is_verified(struct disk_file *file)
{
    const struct disk_blocks *blocks = atomic_load(&file->blocks);
    return adopted_of(file) >= 0 || (blocks && disk_blocks_is_verified(blocks));
}

void disk_file_vouch(struct disk_file *file)
{
    struct disk_blocks *blocks = atomic_load(&file->blocks);
    if (blocks)
        disk_blocks_set_verified(blocks);
}

void disk_file_forget(struct disk_file *file)
{
    struct disk_blocks *blocks = atomic_load(&file->blocks);
    if (blocks)
        disk_blocks_clear(blocks);
}

enum disk_check disk_file_check(struct disk_file *file, const atomic_bool *cancelled)
{
    unsigned char digest[MD5_SIZE];
    bool present;
    struct disk_blocks *blocks = atomic_load(&file->blocks);
    if (disk_file_is_verified(file))
        return DISK_CHECK_GOOD;
    if (!blocks || disk_blocks_run(blocks, 0, file->size, &present) < file->size || !present)
        return DISK_CHECK_INCOMPLETE;
    if (!hash(file, -1, cancelled, digest))
        return DISK_CHECK_INCOMPLETE;
    if (memcmp(digest, file->md5, MD5_SIZE) != 0) {
        disk_blocks_clear(blocks);
        return DISK_CHECK_BAD;
    }
    disk_blocks_set_verified(blocks);
    return DISK_CHECK_GOOD;
}

/* --- the official client's cache (protocol 8.4) --- */

static int open_client_copy(const struct disk_file *file, struct stat *status)
{
    char path[PATH_MAX];
    if (!file->cache->client_objects ||
        snprintf(path, sizeof path, "%s/%.2s/%s", file->cache->client_objects, file->hex,
                 file->hex + 2) >= (int)sizeof path)
        return -1;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (descriptor >= 0 && (fstat(descriptor, status) != 0 || !S_ISREG(status->st_mode) ||
                            (uint64_t)status->st_size != file->size)) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

bool disk_file_adoptable(struct disk_file *file)
{
    struct stat status;
    cleanup_close int descriptor = open_client_copy(file, &status);
    return descriptor >= 0;
}

static bool is_known_good(struct disk_file *file, const struct stat *status)
{
    struct disk_cache *cache = file->cache;
    bool known = false;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; !known && i < ADOPTED_REMEMBERED && i < cache->adopted_count; i++)
        known = memcmp(cache->adopted[i].md5, file->md5, MD5_SIZE) == 0 &&
                looks_the_same(&cache->adopted[i].status, status);
    pthread_mutex_unlock(&cache->lock);
    return known;
}

static void remember_good(struct disk_file *file, const struct stat *status)
{
    struct disk_cache *cache = file->cache;
    pthread_mutex_lock(&cache->lock);
    struct adopted *place = &cache->adopted[cache->adopted_count++ % ADOPTED_REMEMBERED];
    memcpy(place->md5, file->md5, MD5_SIZE);
    place->status = *status;
    pthread_mutex_unlock(&cache->lock);
}

bool disk_file_adopt(struct disk_file *file, const atomic_bool *cancelled)
{
    struct stat status;
    unsigned char digest[MD5_SIZE];
    int none = -1;
    if (adopted_of(file) >= 0)
        return true;
    int descriptor = open_client_copy(file, &status);
    if (descriptor < 0)
        return false;
    bool good = is_known_good(file, &status);
    if (!good && hash(file, descriptor, cancelled, digest) &&
        memcmp(digest, file->md5, MD5_SIZE) == 0) {
        good = true;
        remember_good(file, &status);
    }
    /* Adopted once: a copy that changed afterwards is not looked for again while this is open. */
    if (!good || atomic_load(&file->adopted) >= 0) {
        close(descriptor);
        return false;
    }
    file->adopted_status = status;
    if (!atomic_compare_exchange_strong(&file->adopted, &none, descriptor))
        close(descriptor);
    return adopted_of(file) >= 0;
}
