/* SPDX-License-Identifier: MIT */
#include "download.h"

#include "base/clock.h"
#include "content/blocking_read.h"
#include "supply.h"

#include <errno.h>
#include <sys/stat.h>

enum { NAME_SIZE = 2 * MD5_SIZE + 24 };

struct download {
    struct download_config config;
    struct target *target; /* NULL: into the cache */
    struct lane *lane;
    atomic_bool stopped;
    _Atomic uint64_t bytes, done, fetched, keys;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t groups_left;   /* under lock */
    unsigned settled;     /* files; under lock */
    unsigned refused;     /* likewise */
    struct error failure; /* under lock */
    struct group *groups;
};

/* The files that have one content. */
struct group {
    struct job job;
    struct download *download;
    struct wanted **files;
    size_t count;
    uint64_t size;
    char partial[NAME_SIZE];
    bool counted;       /* in the download's bytes */
    atomic_bool spoilt; /* what came does not have the digest */
};

/* --- one content --- */

/* Puts what has come where it belongs; what an earlier run has left is compared, not written. */
static int take_view(int partial, uint64_t earlier, const struct remote_view *view, uint64_t offset,
                     struct error *error)
{
    for (unsigned i = 0; partial >= 0 && i < view->count; i++) {
        const struct iovec *piece = &view->pieces[i];
        bool same = false;
        if (offset + piece->iov_len <= earlier) {
            cleanup_free char *there = malloc(piece->iov_len);
            same =
                there &&
                pread(partial, there, piece->iov_len, (off_t)offset) == (ssize_t)piece->iov_len &&
                memcmp(there, piece->iov_base, piece->iov_len) == 0;
        }
        if (!same && target_write(partial, piece->iov_base, piece->iov_len, offset, error) < 0)
            return -1;
        offset += piece->iov_len;
    }
    return 0;
}

/* Reads all of it, in order, so that its end is had only if all of it is right. */
static int pull(struct group *group, struct remote_reader *reader, int partial, uint64_t earlier,
                struct error *error)
{
    struct download *download = group->download;
    struct remote_files *files = download->config.fs->remote_files;
    uint64_t size = group->size, counted = 0;
    int result = 0;
    for (uint64_t offset = 0; offset < size && result == 0;) {
        struct remote_view view;
        size_t step = size - offset < MOST_READ ? (size_t)(size - offset) : MOST_READ;
        if (blocking_read(files, reader, offset, step, &download->stopped, &view, error) < 0) {
            result = -1;
            break;
        }
        result = take_view(partial, earlier, &view, offset, error);
        offset += view.size;
        counted += view.size;
        atomic_fetch_add(&download->done, view.size);
        remote_view_release(&view);
    }
    if (result == 0 && size > 0 && !remote_is_right(reader))
        result = error_set(error, ERROR_SERVER, "its content is not known to be right");
    if (result != 0)
        atomic_fetch_sub(&download->done, counted);
    return result;
}

/* From the cache, without reading it through this process. 1: it does not have it. */
static int copy_kept(struct group *group, struct remote_reader *reader, int partial,
                     struct error *error)
{
    struct disk_hold *hold = group->size > 0 ? remote_hold(reader) : NULL;
    if (!hold)
        return 1;
    int result = target_copy(disk_hold_descriptor(hold), partial, group->size,
                             &group->download->stopped, error);
    disk_hold_release(hold);
    if (result == 0)
        atomic_fetch_add(&group->download->done, group->size);
    return result;
}

static uint64_t size_of(int partial)
{
    struct stat status;
    return partial >= 0 && fstat(partial, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static int bring_once(struct group *group, const struct artifact_file *file, int partial,
                      struct error *error)
{
    uint64_t earlier = size_of(partial);
    if (earlier > group->size && ftruncate(partial, 0) == 0)
        earlier = 0;
    struct download *download = group->download;
    const struct supply_config config = {
        .fs = download->config.fs,
        .version = download->config.version,
        .file = file,
        .key = atomic_fetch_add(&download->keys, 1) + 1,
        .partial = partial,
        .earlier = earlier,
        .fetched = &download->fetched,
        .spoilt = &group->spoilt,
    };
    struct remote_reader *reader = supply_open(&config, error);
    if (!reader)
        return -1;
    int result = partial < 0 && remote_is_kept(reader) ? 0 : 1;
    if (result == 0)
        atomic_fetch_add(&download->done, group->size);
    if (partial >= 0)
        result = copy_kept(group, reader, partial, error);
    if (result == 1 && partial >= 0)
        result = target_reserve(partial, group->size, error) < 0 ? -1 : 1;
    if (result == 1)
        result = pull(group, reader, partial, earlier, error);
    remote_reader_unref(reader);
    return result;
}

/* What does not have its digest is fetched again, from its start. */
static int bring(struct group *group, const struct artifact_file *file, int partial,
                 struct error *error)
{
    unsigned most = client_content_ways(group->download->config.fs->client);
    for (unsigned tries = 1;; tries++) {
        atomic_store(&group->spoilt, false);
        if (bring_once(group, file, partial, error) == 0)
            return 0;
        bool spoilt = atomic_load(&group->spoilt);
        if (spoilt && partial >= 0 && ftruncate(partial, 0) != 0)
            return -1;
        if (!spoilt || tries == most || atomic_load(&group->download->stopped))
            return -1;
        error_clear(error);
    }
}

/* --- outcomes --- */

static bool is_of_server(enum error_kind kind)
{
    return kind == ERROR_UNREACHABLE || kind == ERROR_TIMEOUT || kind == ERROR_SERVER ||
           kind == ERROR_BUSY || kind == ERROR_FORBIDDEN;
}

static void settle(struct group *group, struct wanted *file, enum outcome outcome,
                   const struct error *error)
{
    struct download *download = group->download;
    pthread_mutex_lock(&download->lock);
    file->outcome = outcome;
    if (error)
        snprintf(file->problem, sizeof file->problem, "%.255s", error->message);
    download->settled++;
    download->refused += error && is_of_server(error->kind);
    pthread_mutex_unlock(&download->lock);
}

/* A file that cannot be found may be alone in that. */
static bool version_is_gone(const struct download *download)
{
    const struct version *version = download->config.version;
    const struct registry registry = {.entity = version->entity,
                                      .full_name = version->registry,
                                      .name = registry_name_of(version->registry),
                                      .organization = version->organization};
    char number[24];
    struct error error = {0};
    struct call call = {.error = &error, .cancelled = &download->stopped};
    cleanup_object struct version *found = NULL;
    snprintf(number, sizeof number, "v%lld", (long long)version->index);
    return client_get_version(download->config.fs->client, &call, &registry, version->collection,
                              text_of(number), &found, NULL) < 0 &&
           error.kind == ERROR_NOT_FOUND;
}

/* Whether the failure is all others', too. */
static bool ends_all(const struct download *download, enum error_kind kind)
{
    return kind == ERROR_LOCAL || kind == ERROR_UNAUTHENTICATED ||
           (kind == ERROR_NOT_FOUND && version_is_gone(download));
}

static void settle_failure(struct group *group, struct wanted *file, const struct error *error)
{
    struct download *download = group->download;
    if (error->kind == ERROR_INTERRUPTED)
        return; /* not reached */
    settle(group, file, OUTCOME_FAILED, error);
    log_write(download->config.fs->log, CLIENT_LOG_WARNING, "%s: %s", file->path, error->message);
    if (!ends_all(download, error->kind))
        return;
    pthread_mutex_lock(&download->lock);
    if (download->failure.kind == ERROR_NONE)
        download->failure = *error;
    pthread_mutex_unlock(&download->lock);
    atomic_store(&download->stopped, true);
}

/* What is there already, or in the way, is settled. Returns how many files are left, in front. */
static size_t look(struct group *group, const struct artifact_file *file)
{
    const struct download_config *config = &group->download->config;
    size_t left = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct wanted *wanted = group->files[i];
        struct error error = {0};
        enum target_state state =
            group->download->target
                ? target_look(group->download->target, wanted->path, file->md5, group->size, &error)
                : TARGET_ABSENT;
        if (state == TARGET_OTHER && !config->overwrite)
            error_set(&error, ERROR_EXISTS, "something else is there; --overwrite replaces it");
        if (error.kind != ERROR_NONE)
            settle_failure(group, wanted, &error);
        else if (state == TARGET_RIGHT)
            settle(group, wanted, OUTCOME_KEPT, NULL);
        else if (config->only_looks)
            settle(group, wanted, OUTCOME_MISSING, NULL);
        else
            group->files[left++] = wanted;
    }
    return left;
}

/* The plan may have been wrong about what is there. */
static void count_group(struct group *group, bool needed)
{
    if (needed && !group->counted)
        atomic_fetch_add(&group->download->bytes, group->size);
    else if (!needed && group->counted)
        atomic_fetch_sub(&group->download->bytes, group->size);
    group->counted = needed;
}

/* Gives the content the names of all files; what the first name takes the others get a copy of. */
static void place(struct group *group, const struct artifact_file *file, int partial, size_t count)
{
    const struct download_config *config = &group->download->config;
    char name[NAME_SIZE + 8];
    snprintf(name, sizeof name, "%s.copy", group->partial);
    for (size_t i = count; i > 0; i--) {
        struct wanted *wanted = group->files[i - 1];
        struct error error = {0};
        int copy = i > 1 ? target_open_partial(group->download->target, name, &error) : partial;
        bool good = copy >= 0 && (i == 1 || (ftruncate(copy, 0) == 0 &&
                                             target_copy(partial, copy, group->size,
                                                         &group->download->stopped, &error) == 0));
        good = good && target_place(group->download->target, i > 1 ? name : group->partial, copy,
                                    wanted->path, config->overwrite, file->md5, &error) == 0;
        if (i > 1 && copy >= 0)
            close(copy);
        if (good)
            settle(group, wanted, OUTCOME_BROUGHT, NULL);
        else
            settle_failure(group, wanted, &error);
    }
}

static void bring_group(struct group *group, const struct artifact_file *file, size_t count)
{
    struct target *target = group->download->target;
    struct error error = {0};
    cleanup_close int partial = -1;
    if (target)
        partial = target_open_partial(target, group->partial, &error);
    bool good = (!target || partial >= 0) && bring(group, file, partial, &error) == 0;
    if (good && target) {
        place(group, file, partial, count);
        return;
    }
    /* One without a byte is of no use to the next run, and has its room reserved. */
    if (!good && partial >= 0 && (atomic_load(&group->spoilt) || size_of(partial) == 0))
        target_drop_partial(target, group->partial);
    for (size_t i = 0; i < count; i++) {
        if (good)
            settle(group, group->files[i], OUTCOME_BROUGHT, NULL);
        else
            settle_failure(group, group->files[i], &error);
    }
}

/* Where the bytes of a reference are that leads to another version. */
static int follow(struct group *group, struct artifact_file **resolved, struct error *error)
{
    const struct download_config *config = &group->download->config;
    const struct artifact_file *file = group->files[0]->file;
    struct call call = {.error = error, .cancelled = &group->download->stopped};
    if (!file->reference.bytes || file->stored) {
        *resolved = object_ref(file);
        return 0;
    }
    if (!reference_is_followed(file->reference))
        return error_set(error, ERROR_REMOTE, "it is a reference to %.200s", file->reference.bytes);
    return client_resolve_file(config->fs->client, &call, config->version, file, resolved);
}

static void run_group(struct job *job)
{
    struct group *group = (struct group *)(void *)job;
    struct download *download = group->download;
    cleanup_object struct artifact_file *file = NULL;
    struct error error = {0};
    bool stopped = atomic_load(&download->stopped);
    if (!stopped && follow(group, &file, &error) == 0) {
        group->size = file->size > 0 ? (uint64_t)file->size : 0;
        size_t left = look(group, file);
        count_group(group, left > 0);
        if (left > 0 && !atomic_load(&download->stopped))
            bring_group(group, file, left);
    } else if (!stopped) {
        for (size_t i = 0; i < group->count; i++) {
            bool passed = error.kind == ERROR_REMOTE && !download->config.references_fail;
            if (passed)
                settle(group, group->files[i], OUTCOME_REFERENCE, &error);
            else
                settle_failure(group, group->files[i], &error);
        }
    }
    pthread_mutex_lock(&download->lock);
    download->groups_left--;
    pthread_cond_signal(&download->changed);
    pthread_mutex_unlock(&download->lock);
}

/* --- all of them --- */

static bool has_known_content(const struct artifact_file *file)
{
    return file->stored && file->has_md5;
}

/* Files of one content come together. */
static int compare_contents(const void *a, const void *b)
{
    const struct wanted *left = *(struct wanted *const *)a, *right = *(struct wanted *const *)b;
    int order = (int)has_known_content(left->file) - (int)has_known_content(right->file);
    if (order == 0)
        order = memcmp(left->file->md5, right->file->md5, MD5_SIZE);
    if (order == 0)
        order = left->file->size < right->file->size ? -1 : left->file->size > right->file->size;
    return order ? order : strcmp(left->path, right->path);
}

static bool same_content(const struct wanted *a, const struct wanted *b)
{
    return has_known_content(a->file) && has_known_content(b->file) &&
           a->file->size == b->file->size && memcmp(a->file->md5, b->file->md5, MD5_SIZE) == 0;
}

/* A name for what is on its way: the MD5, where it is known, so that the next run finds it. */
static void name_partial(struct group *group, size_t number)
{
    const struct artifact_file *file = group->files[0]->file;
    if (!has_known_content(file)) {
        snprintf(group->partial, sizeof group->partial, "reference.%zu", number);
        return;
    }
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(group->partial + 2 * i, 3, "%02x", file->md5[i]);
}

/* Cuts the files, ordered by content, into groups; returns how many there are. */
static size_t make_groups(struct download *download, struct wanted **files, size_t count)
{
    size_t groups = 0;
    for (size_t i = 0; i < count; i++) {
        struct group *last = groups ? &download->groups[groups - 1] : NULL;
        if (last && same_content(last->files[0], files[i])) {
            last->count++;
            continue;
        }
        last = &download->groups[groups++];
        *last = (struct group){
            .job = {.run = run_group}, .download = download, .files = files + i, .count = 1};
        name_partial(last, i);
    }
    return groups;
}

/* Counts what is to come, and looks whether there is room for it. */
static int plan(struct download *download, size_t groups, struct error *error)
{
    struct target *target = download->target;
    uint64_t room = 0;
    for (size_t i = 0; i < groups; i++) {
        struct group *group = &download->groups[i];
        const struct artifact_file *file = group->files[0]->file;
        uint64_t needed = 0;
        group->size = file->size > 0 ? (uint64_t)file->size : 0;
        for (size_t k = 0; k < group->count && has_known_content(file); k++) {
            bool there = target && target_may_have(target, group->files[k]->path, group->size);
            needed += there ? 0 : group->size;
        }
        count_group(group, needed > 0);
        uint64_t has = target && needed ? target_partial_size(target, group->partial) : 0;
        room += needed > has ? needed - has : 0;
    }
    bool checks = target && !download->config.only_looks;
    return checks ? target_check_room(target, room, error) : 0;
}

static void wait_for_all(struct download *download)
{
    const struct download_config *config = &download->config;
    pthread_mutex_lock(&download->lock);
    int64_t next = clock_nanoseconds() + config->progress_ms * CLOCK_MILLISECOND;
    while (download->groups_left > 0) {
        struct timespec until = clock_timespec(next);
        if (pthread_cond_timedwait(&download->changed, &download->lock, &until) == 0)
            continue;
        pthread_mutex_unlock(&download->lock);
        config->progress(config->context);
        pthread_mutex_lock(&download->lock);
        next = clock_nanoseconds() + config->progress_ms * CLOCK_MILLISECOND;
    }
    pthread_mutex_unlock(&download->lock);
}

struct download *download_new(const struct download_config *config)
{
    struct download *download = calloc(1, sizeof *download);
    if (!download)
        return NULL;
    download->config = *config;
    pthread_mutex_init(&download->lock, NULL);
    clock_condition(&download->changed);
    download->lane = lane_new("download", config->jobs);
    if (download->lane)
        return download;
    download_free(download);
    return NULL;
}

void download_use_target(struct download *download, struct target *target)
{
    download->target = target;
}

void download_run(struct download *download, struct wanted *files, size_t count)
{
    cleanup_free struct wanted **ordered = calloc(count + 1, sizeof *ordered);
    download->groups = calloc(count + 1, sizeof *download->groups);
    if (!ordered || !download->groups) {
        error_set(&download->failure, ERROR_LOCAL, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++)
        ordered[i] = &files[i];
    qsort(ordered, count, sizeof *ordered, compare_contents);
    size_t groups = make_groups(download, ordered, count);
    if (plan(download, groups, &download->failure) < 0)
        return;
    download->groups_left = groups;
    for (size_t i = 0; i < groups; i++)
        lane_submit(download->lane, &download->groups[i].job);
    wait_for_all(download);
}

void download_stop(struct download *download)
{
    atomic_store(&download->stopped, true);
}

const atomic_bool *download_stopped(const struct download *download)
{
    return &download->stopped;
}

const struct error *download_failure(const struct download *download)
{
    return &download->failure;
}

void download_read_figures(struct download *download, struct download_figures *figures)
{
    pthread_mutex_lock(&download->lock);
    *figures = (struct download_figures){
        .bytes = atomic_load(&download->bytes),
        .done = atomic_load(&download->done),
        .fetched = atomic_load(&download->fetched),
        .files = download->settled,
        .refused = download->refused,
    };
    pthread_mutex_unlock(&download->lock);
}

void download_free(struct download *download)
{
    if (!download)
        return;
    lane_free(download->lane);
    pthread_cond_destroy(&download->changed);
    pthread_mutex_destroy(&download->lock);
    free(download->groups);
    free(download);
}
