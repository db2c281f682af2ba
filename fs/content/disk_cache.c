/* SPDX-License-Identifier: MIT */
#include "disk_cache.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "disk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
    PAUSE_MS = 10 * 1000, /* after a failed write, nothing is written for so long */
    STEP = 1 << 20,       /* bytes hashed or written at a time */
    DISK_PAGE = 4096,     /* least room that a file takes */
    FEW_DESCRIPTORS = 64,
};

/* Larger ones are hardly true, and no disk has room for the list of their blocks. */
static const uint64_t LARGEST_FILE = UINT64_C(1) << 44;

struct disk_cache *disk_cache_new(const struct disk_cache_config *config)
{
    struct disk_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->directory = strdup(config->directory);
    cache->client_objects = config->client_objects ? strdup(config->client_objects) : NULL;
    cache->distrusts = config->distrusts;
    cache->report = config->report;
    cache->context = config->context;
    disk_space_init(&cache->space, cache->directory, config->limit);
    descriptor_pool_init(&cache->pool, config->descriptors ? config->descriptors : FEW_DESCRIPTORS);
    pthread_mutex_init(&cache->lock, NULL);
    disk_cache_set_server(cache, "");
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
    disk_space_release(&cache->space);
    descriptor_pool_release(&cache->pool);
    pthread_mutex_destroy(&cache->lock);
    free(cache->directory);
    free(cache->client_objects);
    free(cache);
}

void disk_cache_set_server(struct disk_cache *cache, const char *base_url)
{
    unsigned char digest[MD5_SIZE] = {0};
    struct md5 *md5 = md5_new();
    /* Nobody can find a URL that has the digest of another one. */
    if (md5 && md5_update(md5, base_url, strlen(base_url)))
        md5_finish(md5, digest);
    md5_free(md5);
    disk_hex(digest, cache->server);
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
    if (reason == EWOULDBLOCK)
        snprintf(message, sizeof message,
                 "nothing is cached in %.100s: another process keeps a file there locked",
                 cache->directory);
    else if (reason == ENOSPC)
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

bool disk_may_write(struct disk_cache *cache)
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

/* --- what is open of a content --- */

static void close_opened(struct pooled *pooled)
{
    struct opened *opened = (struct opened *)(void *)pooled;
    disk_blocks_close(opened->blocks);
    if (opened->copy >= 0)
        close(opened->copy);
    free(opened);
}

static void done_with(struct opened *opened)
{
    pooled_unref(&opened->cache->pool, &opened->pooled);
}

void disk_opened_release(struct opened **opened)
{
    if (*opened)
        done_with(*opened);
}

bool disk_file_path(const struct disk_file *file, bool verified, char path[PATH_MAX])
{
    return disk_place_path(file->cache->directory, verified ? NULL : file->cache->server,
                           &file->key, path);
}

/* What was found right is for everybody; it is left alone if it is not known to be so any more. */
static struct disk_blocks *find_blocks(const struct disk_file *file, bool *verified)
{
    char path[PATH_MAX];
    *verified = true;
    struct disk_blocks *blocks =
        disk_file_path(file, true, path) ? disk_blocks_open(path, file->key.size) : NULL;
    if (blocks && disk_blocks_is_verified(blocks))
        return blocks;
    disk_blocks_close(blocks);
    *verified = false;
    return disk_file_path(file, false, path) ? disk_blocks_open(path, file->key.size) : NULL;
}

static struct disk_blocks *make_blocks(const struct disk_file *file, bool *verified)
{
    char path[PATH_MAX];
    struct disk_blocks *blocks = find_blocks(file, verified);
    if (!blocks && disk_file_path(file, false, path))
        blocks = disk_place_make(path, file->key.size);
    return blocks;
}

/* Protocol 8.4. */
int disk_file_open_copy(const struct disk_file *file, struct stat *status)
{
    char path[PATH_MAX], hex[2 * MD5_SIZE + 1];
    disk_hex(file->key.md5, hex);
    if (!file->cache->client_objects ||
        snprintf(path, sizeof path, "%s/%.2s/%s", file->cache->client_objects, hex, hex + 2) >=
            (int)sizeof path) {
        errno = ENOENT;
        return -1;
    }
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (descriptor >= 0 && (fstat(descriptor, status) != 0 || !S_ISREG(status->st_mode) ||
                            (uint64_t)status->st_size != file->key.size)) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static struct opened *opened_new(struct disk_file *file, bool make)
{
    struct stat status;
    struct opened *opened = malloc(sizeof *opened);
    if (!opened)
        return NULL;
    *opened = (struct opened){
        .pooled = {.close = close_opened, .descriptors = 2}, .cache = file->cache, .copy = -1};
    if (atomic_load(&file->adopted)) {
        opened->pooled.descriptors = 1;
        opened->copy = disk_file_open_copy(file, &status);
        if (opened->copy >= 0 && !disk_looks_the_same(&status, &file->adopted_status)) {
            close(opened->copy);
            opened->copy = -1;
            errno = ENOENT;
        }
    } else {
        opened->blocks =
            make ? make_blocks(file, &opened->verified) : find_blocks(file, &opened->verified);
    }
    if (opened->blocks || opened->copy >= 0)
        return opened;
    int reason = errno;
    free(opened);
    errno = reason;
    return NULL;
}

/* What is there of the file, opened if need be, with a reference; NULL with errno. */
static struct opened *open_file(struct disk_file *file, bool make)
{
    struct descriptor_pool *pool = &file->cache->pool;
    struct pooled *pooled = pooled_get(pool, &file->opened);
    if (!pooled && (make || !atomic_load(&file->absent))) {
        struct opened *opened = opened_new(file, make);
        /* What is merely short at the moment, as descriptors are, may be there the next time. */
        if (!opened && !make && errno == ENOENT)
            atomic_store(&file->absent, true);
        if (!opened)
            return NULL;
        pooled = pooled_put(pool, &file->opened, &opened->pooled);
        atomic_store(&file->absent, false);
    }
    return (struct opened *)(void *)pooled;
}

void disk_look_again(struct disk_file *file, const struct opened *opened)
{
    pooled_drop(&file->cache->pool, &file->opened, opened ? &opened->pooled : NULL);
}

struct opened *disk_open_for_reading(struct disk_file *file)
{
    struct stat status;
    struct opened *opened = open_file(file, false);
    bool adopted = atomic_load(&file->adopted);
    if (adopted && (!opened || opened->copy < 0 || fstat(opened->copy, &status) != 0 ||
                    !disk_looks_the_same(&status, &file->adopted_status))) {
        if (!opened && errno != ENOENT)
            return NULL;
        atomic_store(&file->adopted, false);
        atomic_store(&file->absent, false);
        disk_look_again(file, opened);
        disk_opened_release(&opened);
        opened = open_file(file, false);
    }
    return opened;
}

/* --- one content --- */

struct disk_file *disk_file_open(struct disk_cache *cache, const unsigned char md5[MD5_SIZE],
                                 uint64_t size)
{
    char path[PATH_MAX];
    if (cache->space.limit == 0 || size == 0 || size > LARGEST_FILE)
        return NULL;
    struct disk_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->cache = cache;
    file->key.size = size;
    memcpy(file->key.md5, md5, MD5_SIZE);
    if (disk_file_path(file, false, path))
        return file;
    free(file);
    return NULL;
}

void disk_file_close(struct disk_file *file)
{
    if (!file)
        return;
    disk_look_again(file, NULL);
    free(file);
}

static void found_damage(struct disk_file *file, struct opened *opened)
{
    char message[256], from[PATH_MAX], to[PATH_MAX];
    if (!disk_file_path(file, opened->verified, from) || !disk_file_path(file, false, to))
        return;
    /* What is left of a verified content is not for everybody any more: the missing block will be
     * one that nobody has verified. */
    if (opened->verified) {
        disk_place_move(opened->blocks, from, to, false);
        disk_look_again(file, opened);
    }
    if (atomic_fetch_add(&file->cache->damaged, 1) > 0)
        return;
    snprintf(message, sizeof message, "damaged bytes in the cache are fetched again: %.180s", from);
    say(file->cache, message);
}

static size_t read_opened(struct disk_file *file, struct opened *opened, uint64_t offset,
                          void *buffer, size_t size)
{
    bool damaged;
    if (!opened->blocks) {
        ssize_t got = pread(opened->copy, buffer, size, (off_t)offset);
        return got > 0 ? (size_t)got : 0;
    }
    size_t done = disk_blocks_read(opened->blocks, offset, buffer, size, &damaged);
    if (damaged) {
        found_damage(file, opened);
    } else if (opened->verified && !disk_blocks_is_verified(opened->blocks)) {
        /* Somebody else has found damage; what follows there is another server's. */
        disk_look_again(file, opened);
        return 0;
    }
    return done;
}

size_t disk_file_read(struct disk_file *file, uint64_t offset, void *buffer, size_t size)
{
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    size_t done = opened ? read_opened(file, opened, offset, buffer, size) : 0;
    atomic_fetch_add(&file->cache->read_bytes, done);
    return done;
}

uint64_t disk_file_run(struct disk_file *file, uint64_t offset, uint64_t end, bool *present)
{
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    *present = opened && !opened->blocks;
    return !opened || *present ? end : disk_blocks_run(opened->blocks, offset, end, present);
}

void disk_file_prefetch(struct disk_file *file, uint64_t offset, uint64_t size)
{
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    if (opened && opened->blocks)
        disk_blocks_prefetch(opened->blocks, offset, size);
    else if (opened)
        posix_fadvise(opened->copy, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

/* 0, or an errno. */
static int write_part(struct disk_file *file, uint64_t offset, const char *data, size_t size)
{
    struct disk_space *space = &file->cache->space;
    cleanup_opened struct opened *opened = open_file(file, true);
    /* Whole pages, and one for the checksums. */
    size_t room = (size + DISK_PAGE - 1) / DISK_PAGE * DISK_PAGE + DISK_PAGE;
    bool present;
    if (!opened)
        return errno;
    if (!opened->blocks)
        return 0;
    if (disk_blocks_is_verified(opened->blocks)) {
        /* What was complete once has lost blocks in a crash: the next time they can be written. */
        if (disk_blocks_run(opened->blocks, offset, offset + size, &present) < offset + size ||
            !present) {
            disk_blocks_forget(opened->blocks, offset);
            found_damage(file, opened);
        }
        return 0;
    }
    if (!disk_blocks_writable(opened->blocks))
        return EROFS;
    if (!disk_space_reserve(space, room))
        return errno;
    ssize_t written = disk_blocks_write(opened->blocks, offset, data, size);
    int failure = written < 0 ? errno : 0;
    if (written > 0)
        disk_space_written(space, room);
    else
        disk_space_return(space, room);
    if (!failure)
        wrote_well(file->cache, (size_t)written);
    return failure;
}

void disk_file_write(struct disk_file *file, uint64_t offset, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0 && disk_may_write(file->cache)) {
        size_t part = size < STEP ? size : STEP;
        int failure = write_part(file, offset, bytes, part);
        /* While room is being made, what comes is not kept; it is no reason to stop. */
        if (failure && failure != EBUSY)
            pause_writing(file->cache, failure);
        if (failure)
            return;
        bytes += part;
        offset += part;
        size -= part;
    }
}

/* --- digests --- */

/* Hashes what is open from start to end; false when it ends early, or cancelled. */
bool disk_hash(struct disk_file *file, struct opened *opened, const atomic_bool *cancelled,
               unsigned char digest[MD5_SIZE])
{
    cleanup_free char *buffer = malloc(STEP);
    struct md5 *md5 = md5_new();
    bool well = buffer && md5;
    for (uint64_t offset = 0; well && offset < file->key.size;) {
        size_t got = read_opened(file, opened, offset, buffer, STEP);
        well = got > 0 && !(cancelled && atomic_load(cancelled)) && md5_update(md5, buffer, got);
        offset += got;
    }
    well = well && md5_finish(md5, digest);
    md5_free(md5);
    return well;
}

static bool is_right(const struct disk_file *file, const struct opened *opened)
{
    return opened && (!opened->blocks || (disk_blocks_is_verified(opened->blocks) &&
                                          disk_is_trusted(file, opened->blocks)));
}

bool disk_file_is_verified(struct disk_file *file)
{
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    return is_right(file, opened);
}

/* Removes the blocks. Others may have the files open: they keep theirs, and nothing changes under
 * them. */
static void start_over(struct disk_file *file, struct opened *opened)
{
    char path[PATH_MAX];
    if (disk_file_path(file, opened->verified, path))
        disk_place_remove(path, opened->blocks);
    disk_look_again(file, opened);
    atomic_store(&file->absent, true);
}

enum disk_check disk_file_check_again(struct disk_file *file, const atomic_bool *cancelled)
{
    unsigned char digest[MD5_SIZE];
    struct stat before, after;
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    if (!opened || !opened->blocks || !opened->verified ||
        !disk_blocks_look(opened->blocks, &before) || !disk_hash(file, opened, cancelled, digest))
        return DISK_CHECK_INCOMPLETE;
    if (memcmp(digest, file->key.md5, MD5_SIZE) != 0) {
        start_over(file, opened);
        return DISK_CHECK_BAD;
    }
    if (!disk_blocks_look(opened->blocks, &after) || !disk_looks_the_same(&before, &after))
        return DISK_CHECK_INCOMPLETE;
    disk_blocks_stamp(opened->blocks, &before);
    disk_trust(file, &before);
    return DISK_CHECK_GOOD;
}

/* Whether it was found right before: then *result, for which what only others have found right is
 * hashed again where they are not trusted. */
static bool is_verified_before(struct disk_file *file, const struct opened *opened,
                               const atomic_bool *cancelled, enum disk_check *result)
{
    *result = DISK_CHECK_GOOD;
    if (opened->blocks && !disk_blocks_is_verified(opened->blocks))
        return false;
    if (!is_right(file, opened))
        *result = disk_file_check_again(file, cancelled);
    return true;
}

/* From now on it is for mounts of all servers. */
static void remember_verified(struct disk_file *file, struct opened *opened, uint64_t state,
                              const struct stat *before)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct stat now;
    if (disk_blocks_set_verified(opened->blocks, state) && disk_file_path(file, false, from) &&
        disk_file_path(file, true, to) && disk_place_move(opened->blocks, from, to, true)) {
        disk_blocks_stamp(opened->blocks, before);
        if (disk_blocks_is_untouched(opened->blocks) && disk_blocks_look(opened->blocks, &now))
            disk_trust(file, &now);
        disk_look_again(file, opened);
    }
}

void disk_file_forget(struct disk_file *file)
{
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    if (opened && opened->blocks)
        start_over(file, opened);
}

enum disk_check disk_file_compare(struct disk_file *file, disk_fits *fits, const void *context,
                                  const atomic_bool *cancelled)
{
    struct stat before;
    enum disk_check result;
    bool present, fit = true;
    uint64_t size = file->key.size, offset = 0;
    cleanup_free char *buffer = malloc(STEP);
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    if (!opened || !buffer)
        return DISK_CHECK_INCOMPLETE;
    if (is_verified_before(file, opened, cancelled, &result))
        return result;
    uint64_t state = disk_blocks_state(opened->blocks);
    if (!disk_blocks_look(opened->blocks, &before) ||
        disk_blocks_run(opened->blocks, 0, size, &present) < size || !present)
        return DISK_CHECK_INCOMPLETE;
    for (size_t got; fit && offset < size; offset += got) {
        size_t wanted = size - offset < STEP ? (size_t)(size - offset) : STEP;
        got = read_opened(file, opened, offset, buffer, wanted);
        if (got < wanted || atomic_load(cancelled))
            return DISK_CHECK_INCOMPLETE;
        fit = fits(context, offset, buffer, got);
    }
    if (fit)
        remember_verified(file, opened, state, &before);
    else
        start_over(file, opened);
    return fit ? DISK_CHECK_GOOD : DISK_CHECK_BAD;
}

enum disk_check disk_file_check(struct disk_file *file, const atomic_bool *cancelled)
{
    unsigned char digest[MD5_SIZE];
    struct stat before;
    enum disk_check result;
    bool present;
    uint64_t size = file->key.size;
    cleanup_opened struct opened *opened = disk_open_for_reading(file);
    if (!opened)
        return DISK_CHECK_INCOMPLETE;
    if (is_verified_before(file, opened, cancelled, &result))
        return result;
    uint64_t state = disk_blocks_state(opened->blocks);
    if (!disk_blocks_look(opened->blocks, &before) ||
        disk_blocks_run(opened->blocks, 0, size, &present) < size || !present ||
        !disk_hash(file, opened, cancelled, digest))
        return DISK_CHECK_INCOMPLETE;
    if (memcmp(digest, file->key.md5, MD5_SIZE) != 0) {
        start_over(file, opened);
        return DISK_CHECK_BAD;
    }
    remember_verified(file, opened, state, &before);
    return DISK_CHECK_GOOD;
}
