/* SPDX-License-Identifier: MIT */
#include "read_content.h"

#include "base/clock.h"
#include "content.h"
#include "content/disk_cache.h"
#include "content/disk_place.h"
#include "content/memory_limit.h"
#include "report/errnos.h"
#include "report/hash.h"
#include "report/options.h"
#include "tree/kernel_cache.h"
#include "tree/row.h"
#include "tree/stat.h"
#include "wait/session_loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>

enum {
    MEMORY = 96 << 20,      /* for content on its way, all open files together */
    LEAST_MEMORY = 6 << 20, /* with less the lane's workers wait for each other */
    SHARE_OF_LIMIT = 6,     /* the rest is for listings, connections, and the kernel's pages */
    READ_SECONDS = 60,      /* a read of file data ends within (design 5) */
    /* When reading ahead has failed, the kernel asks for the first page once more: that must not
     * take as long again. */
    SECOND_TRY_NANOSECONDS = 500 * 1000 * 1000,
    PATH_SIZE = 1024,
    PAGES_MS = 1000,         /* the kernel forgets pages that nobody is reading in less */
    MOST_DESCRIPTORS = 4096, /* of cached files */
};

/* --- start and end --- */

static void report_disk(void *context, const char *message)
{
    struct filesystem *fs = context;
    log_write(fs->log, CLIENT_LOG_WARNING, "%s", message);
    journal_add(fs->journal, "cache", "/", ERROR_LOCAL, message);
}

/* $VARIABLE/rest, or else ~/fallback/rest. False: neither is set. */
static bool place_below(const char *variable, const char *fallback, const char *rest, char *path)
{
    const char *directory = getenv(variable);
    const char *home = getenv("HOME");
    int length = -1;
    if (directory && directory[0] == '/')
        length = snprintf(path, PATH_MAX, "%s%s", directory, rest);
    else if (home && home[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/%s%s", home, fallback, rest);
    return length > 0 && length < PATH_MAX;
}

/* Where the official client keeps contents (protocol 8.4). */
static bool official_objects(char *path)
{
    const char *own = getenv("WANDB_CACHE_DIR");
    return own && own[0] == '/'
               ? place_below("WANDB_CACHE_DIR", "", "/artifacts/obj/md5", path)
               : place_below("XDG_CACHE_HOME", ".cache", "/wandb/artifacts/obj/md5", path);
}

bool read_file_cache_directory(const struct options *options, char path[PATH_MAX])
{
    if (options->no_cache || options->cache_size == 0)
        return false;
    if (options->cache_dir)
        return snprintf(path, PATH_MAX, "%s", options->cache_dir) < PATH_MAX;
    return place_below("XDG_CACHE_HOME", ".cache", "/registryfs", path);
}

bool read_file_cache_is_safe(const struct options *options, char *message, size_t size)
{
    char directory[PATH_MAX];
    return !read_file_cache_directory(options, directory) ||
           !disk_place_is_unsafe(directory, message, size);
}

/* Half of the descriptors are for connections, the status socket, and what else there is. */
static unsigned descriptors_for_cache(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    return limit.rlim_cur / 2 < MOST_DESCRIPTORS ? (unsigned)limit.rlim_cur / 2 : MOST_DESCRIPTORS;
}

static struct disk_cache *make_disk_cache(struct filesystem *fs)
{
    const struct options *options = fs->options;
    char directory[PATH_MAX], objects[PATH_MAX];
    if (options->no_cache || options->cache_size == 0)
        return NULL;
    if (!read_file_cache_directory(options, directory)) {
        log_write(fs->log, CLIENT_LOG_WARNING,
                  "no file contents are cached on disk: neither XDG_CACHE_HOME nor HOME is set; "
                  "give --cache-dir");
        return NULL;
    }
    return disk_cache_new(&(struct disk_cache_config){
        .directory = directory,
        .limit = options->cache_size,
        .descriptors = descriptors_for_cache(),
        .distrusts = options->verify == VERIFY_OPEN,
        /* What is brought into the cache is to be there, whatever becomes of others' copies. */
        .client_objects =
            options->command != COMMAND_WARM && official_objects(objects) ? objects : NULL,
        .context = fs,
        .report = report_disk,
    });
}

/* A container is killed for what is too much, so its limit counts, too. */
static size_t memory_budget(void)
{
    uint64_t share = memory_limit("/proc/self/cgroup", "/sys/fs/cgroup") / SHARE_OF_LIMIT;
    return share > MEMORY ? MEMORY : share < LEAST_MEMORY ? LEAST_MEMORY : (size_t)share;
}

bool read_file_start(struct filesystem *fs)
{
    fs->data_lane = lane_new("data", DATA_WORKERS);
    fs->disk_cache = make_disk_cache(fs);
    fs->remote_files = fs->data_lane ? remote_files_new(fs->data_lane, DATA_WORKERS, fs->disk_cache,
                                                        memory_budget())
                                     : NULL;
    if (fs->remote_files && fs->options->verify == VERIFY_LATE)
        remote_files_verify_late(fs->remote_files);
    return fs->remote_files != NULL;
}

void read_file_settle(struct filesystem *fs)
{
    if (fs->remote_files)
        remote_files_settle(fs->remote_files);
}

void read_file_use_server(struct filesystem *fs)
{
    if (fs->disk_cache)
        disk_cache_set_server(fs->disk_cache, client_base_url(fs->client));
}

void read_file_stop(struct filesystem *fs)
{
    if (fs->remote_files)
        remote_files_stop(fs->remote_files);
}

void read_file_end(struct filesystem *fs)
{
    remote_files_free(fs->remote_files);
    disk_cache_free(fs->disk_cache);
}

/* --- the source of a file's bytes --- */

struct origin {
    struct filesystem *fs;
    struct file_source *source;
    struct node *node; /* held */
    uint64_t id;       /* the kernel's, of the node */
    uint64_t key;      /* tells nodes apart */
    char path[PATH_SIZE];
};

static int fetch_bytes(void *context, struct call *call, uint64_t offset, uint64_t length,
                       remote_sink *sink, void *sink_context)
{
    struct origin *origin = context;
    return file_source_read(origin->source, call, offset, length, sink, sink_context);
}

/* The kernel's pages of a node are for all who have it open, and some have read wrong ones: whoever
 * opens the file from now on gets another node, with pages of its own. */
static void note_mismatch(void *context, bool final)
{
    struct origin *origin = context;
    struct nodes *nodes = &origin->fs->nodes;
    static const char message[] = "the content does not have the digest that the server gives for "
                                  "it";
    journal_add(origin->fs->journal, "read", origin->path, ERROR_SERVER, message);
    log_write(origin->fs->log, CLIENT_LOG_WARNING, "read %s: %s", origin->path, message);
    file_source_distrust(origin->source);
    if (!final)
        return;
    pthread_mutex_lock(&nodes->lock);
    node_remove(nodes, origin->node);
    origin->node->rejected = true;
    pthread_mutex_unlock(&nodes->lock);
}

static void drop_pages(void *context, const struct remote_range *ranges, size_t count, bool wait)
{
    struct origin *origin = context;
    struct kernel_cache *cache = origin->fs->kernel_cache;
    for (size_t i = 0; i < count; i++)
        kernel_cache_drop_pages(cache, origin->id, ranges[i].from, ranges[i].to);
    if (wait)
        kernel_cache_settle_pages(cache, PAGES_MS);
}

static void release_origin(void *context)
{
    struct origin *origin = context;
    struct nodes *nodes = &origin->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    node_drop(nodes, origin->node);
    pthread_mutex_unlock(&nodes->lock);
    file_source_free(origin->source);
    free(origin);
}

bool read_file_has_true_size(const struct file_source *source)
{
    static const unsigned char of_nothing[MD5_SIZE] = {0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00,
                                                       0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98,
                                                       0xec, 0xf8, 0x42, 0x7e};
    const unsigned char *md5 = file_source_md5(source);
    return file_source_size(source) > 0 || !md5 || memcmp(md5, of_nothing, MD5_SIZE) == 0;
}

static struct origin *origin_new(struct filesystem *fs, struct node *node, struct error *error)
{
    const struct node *version = node_ancestor(node, NODE_VERSION);
    struct origin *origin = calloc(1, sizeof *origin);
    struct place place = {node, MEMBER_SELF};
    if (!origin) {
        error_set(error, ERROR_LOCAL, "out of memory");
        return NULL;
    }
    origin->fs = fs;
    origin->id = node_id(&fs->nodes, place);
    uint64_t identity = node_inode_number(place);
    origin->key = hash_bytes(identity, &origin->id, sizeof origin->id) | 1; /* 0: none */
    place_path(place, origin->path, sizeof origin->path);
    if (file_source_new(fs->client, version->object, node->object, error, &origin->source) == 0) {
        if (read_file_has_true_size(origin->source)) {
            node_hold(&fs->nodes, node);
            origin->node = node;
            return origin;
        }
        file_source_free(origin->source);
        error_set(error, ERROR_SERVER,
                  "the server says that it is empty, and gives it the digest of something");
    }
    journal_add(fs->journal, "open", origin->path, error->kind, error->message);
    free(origin);
    return NULL;
}

struct remote_reader *read_file_open(struct origin *origin, bool may_wait)
{
    const struct remote_source source = {
        .context = origin,
        .size = file_source_size(origin->source),
        .md5 = file_source_md5(origin->source),
        .alignment = client_content_alignment(origin->fs->client),
        .ways = client_content_ways(origin->fs->client),
        .path = origin->path,
        .fetch = fetch_bytes,
        .mismatch = note_mismatch,
        .drop_pages = drop_pages,
        .release = release_origin,
    };
    struct remote_files *files = origin->fs->remote_files;
    return may_wait ? remote_open(files, origin->key, &source)
                    : remote_open_later(files, origin->key, &source);
}

/* --- references to other versions --- */

/* Finds out where the bytes of a reference are and gives the node what it found. */
static int run_resolve(struct fetch *fetch, struct call *call)
{
    struct filesystem *fs = fetch->fs;
    struct nodes *nodes = &fs->nodes;
    struct node *node = fetch->node;
    char path[PATH_SIZE];
    pthread_mutex_lock(&nodes->lock);
    cleanup_object struct version *version = object_ref(node_ancestor(node, NODE_VERSION)->object);
    cleanup_object struct artifact_file *file = object_ref(node->object);
    place_path((struct place){node, MEMBER_SELF}, path, sizeof path);
    pthread_mutex_unlock(&nodes->lock);
    struct artifact_file *resolved = NULL;
    call->deadline = fetch->created / 1000000 + fs->options->timeout_ms;
    if (client_resolve_file(fs->client, call, version, file, &resolved) != 0) {
        if (call->error->kind != ERROR_INTERRUPTED)
            journal_add(fs->journal, "open", path, call->error->kind, call->error->message);
        return -1;
    }
    pthread_mutex_lock(&nodes->lock);
    object_unref(node->object);
    node->object = resolved;
    if (resolved->size != file->size)
        kernel_cache_forget_attributes(fs, node);
    pthread_mutex_unlock(&nodes->lock);
    return 0;
}

static const struct fetch_type resolve_reference = {
    .operation = "open", .kind = CALL_LOOKUP, .run = run_resolve};

static enum readiness resolve(struct request *request, struct node *node, int *error_number)
{
    if (request->failure.kind != ERROR_NONE) {
        *error_number = errno_of(request->failure.kind);
        return FAILED;
    }
    request->need = (struct need){.type = &resolve_reference, .node = node};
    node_hold(&request->fs->nodes, node);
    return WAITING;
}

/* --- requests --- */

enum readiness read_file_prepare(struct request *request, struct node *node, struct origin **origin,
                                 int *error_number)
{
    const struct artifact_file *file = node->object;
    struct error error = {0};
    *error_number = EISDIR;
    if (file->is_folder)
        return FAILED;
    *error_number = ESTALE; /* the kernel walks the path once more */
    if (node->gone)
        return FAILED;
    if (file->reference.bytes && !file->stored_in.bytes && reference_is_followed(file->reference))
        return resolve(request, node, error_number);
    *origin = origin_new(request->fs, node, &error);
    *error_number = errno_of(error.kind);
    return *origin ? READY : FAILED;
}

static bool reply_error(struct request *request, const struct error *error)
{
    struct nodes *nodes = &request->fs->nodes;
    char path[PATH_SIZE];
    if (error->kind != ERROR_INTERRUPTED) {
        pthread_mutex_lock(&nodes->lock);
        place_path(node_place(nodes, request->id), path, sizeof path);
        pthread_mutex_unlock(&nodes->lock);
        journal_add(request->fs->journal, request->operation, path, error->kind, error->message);
    }
    fuse_reply_err(request->fuse, errno_of(error->kind));
    return true;
}

static bool reply_failure(struct request *request, const struct error *error, atomic_llong *gave_up)
{
    if (error->kind == ERROR_TIMEOUT)
        atomic_store(gave_up, clock_nanoseconds());
    return reply_error(request, error);
}

bool read_file_body(struct request *request, struct remote_reader *reader, atomic_llong *gave_up)
{
    struct remote_view view;
    struct error error = {0};
    bool may_wait = session_loop_may_wait();
    int64_t end = request->started + READ_SECONDS * CLOCK_SECOND;
    /* What the digest was waited for may be shown now. */
    bool patient = request->failure.kind == ERROR_TIMEOUT && clock_nanoseconds() < end;
    if (request->failure.kind != ERROR_NONE && !patient)
        return reply_failure(request, &request->failure, gave_up);
    if (clock_nanoseconds() - atomic_load(gave_up) < SECOND_TRY_NANOSECONDS) {
        fuse_reply_err(request->fuse, ETIMEDOUT);
        return true;
    }
    enum remote_result result = (may_wait ? remote_read : remote_read_memory)(
        reader, (uint64_t)request->offset, request->size, &view, &error);
    switch (result) {
    case REMOTE_READY:
        fuse_reply_iov(request->fuse, view.pieces, (int)view.count);
        remote_view_release(&view);
        return true;
    case REMOTE_WAIT:
        request->deadline = end;
        if (view.retry_ms > 0 && clock_nanoseconds() + view.retry_ms * CLOCK_MILLISECOND < end)
            request->deadline = clock_nanoseconds() + view.retry_ms * CLOCK_MILLISECOND;
        request->need = (struct need){.reader = remote_reader_ref(reader)};
        return false;
    default:
        return reply_failure(request, &error, gave_up);
    }
}
