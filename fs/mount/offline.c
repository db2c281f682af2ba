/* SPDX-License-Identifier: MIT */
#include "offline.h"

#include "answer/read_content.h"
#include "connect.h"
#include "content/remote_file.h"
#include "failure.h"
#include "source.h"
#include "text/name.h"

#include <fnmatch.h>

enum { PATH_CEILING = 64 << 10 };

/* --- which files --- */

static bool matches(const struct option_list *patterns, const char *path)
{
    for (unsigned i = 0; i < patterns->count; i++) {
        if (fnmatch(patterns->items[i], path, 0) == 0)
            return true;
    }
    return false;
}

static bool is_wanted(const struct options *options, const char *path)
{
    return (options->include.count == 0 || matches(&options->include, path)) &&
           !matches(&options->exclude, path);
}

/* The path with the names that the tree has; NULL: no memory. */
static char *tree_path(struct text path)
{
    struct buf written;
    buf_init(&written, PATH_CEILING);
    for (size_t start = 0; start < path.size;) {
        const char *part = path.bytes + start;
        const char *slash = memchr(part, '/', path.size - start);
        size_t length = slash ? (size_t)(slash - part) : path.size - start;
        char name[NAME_LIMIT + 1];
        name_escape((struct text){part, length}, 0, name);
        buf_printf(&written, "%s%s", start ? "/" : "", name);
        start += length + 1;
    }
    return buf_steal(&written);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct wanted *)a)->path, ((const struct wanted *)b)->path);
}

/* Of two files with one path in the tree the tree has one. */
static void leave_out_twins(struct offline *offline)
{
    size_t kept = 0;
    qsort(offline->files, offline->count, sizeof *offline->files, compare_paths);
    for (size_t i = 0; i < offline->count; i++) {
        if (kept > 0 && strcmp(offline->files[kept - 1].path, offline->files[i].path) == 0)
            free(offline->files[i].path);
        else
            offline->files[kept++] = offline->files[i];
    }
    offline->count = kept;
}

static int choose_files(struct offline *offline, const struct options *options)
{
    struct error error = {0};
    if (source_files(&offline->fs, &offline->listed, &error) < 0)
        return fail(EXIT_MOUNT_FAILED, error.message);
    offline->files = calloc(offline->listed.count + 1, sizeof *offline->files);
    for (size_t i = 0; offline->files && i < offline->listed.count; i++) {
        const struct artifact_file *file = offline->listed.items[i];
        char *path = tree_path(file->path);
        if (!path)
            return fail(EXIT_SYSTEM, "out of memory");
        if (is_wanted(options, path))
            offline->files[offline->count++] = (struct wanted){.file = file, .path = path};
        else
            free(path);
    }
    if (!offline->files)
        return fail(EXIT_SYSTEM, "out of memory");
    leave_out_twins(offline);
    if (offline->count == 0 && offline->listed.count > 0)
        return fail(EXIT_USAGE, "no file of the version is left by --include and --exclude");
    return 0;
}

/* --- start and end --- */

static void show_progress(void *context)
{
    struct offline *offline = context;
    struct download_figures figures;
    download_read_figures(offline->download, &figures);
    terminal_progress_show(&offline->progress, offline->fs.log, &figures, offline->count);
}

static void end_client(void *fs)
{
    client_shut_down(((struct filesystem *)fs)->client);
}

static void end_download(void *context)
{
    struct offline *offline = context;
    end_client(&offline->fs);
    download_stop(offline->download);
    read_file_stop(&offline->fs);
}

static int start_engine(struct offline *offline, const struct download_config *config)
{
    struct filesystem *fs = &offline->fs;
    char message[1024];
    if (!read_file_cache_is_safe(fs->options, message, sizeof message))
        return fail(EXIT_SYSTEM, message);
    if (!read_file_start(fs))
        return fail(EXIT_SYSTEM, "out of memory");
    read_file_use_server(fs);
    struct download_config whole = *config;
    whole.fs = fs;
    whole.version = offline->version;
    whole.progress = show_progress;
    whole.progress_ms = terminal_progress_interval(&offline->progress);
    whole.context = offline;
    offline->download = download_new(&whole);
    if (!offline->download)
        return fail(EXIT_SYSTEM, "out of memory");
    signals_set_end(offline->signals, end_download, offline);
    return 0;
}

int offline_open(struct offline *offline, const struct options *options,
                 const struct download_config *config)
{
    struct filesystem *fs = &offline->fs;
    *offline = (struct offline){.fs = {.options = options}};
    terminal_progress_begin(&offline->progress, options->quiet);
    signals_block();
    offline->signals = signals_start(fs, -1);
    int code = offline->signals ? connect_without_mount(fs)
                                : fail(EXIT_SYSTEM, "cannot start another thread");
    if (code)
        return code;
    signals_set_end(offline->signals, end_client, fs);
    code = connect_source(fs);
    if (code)
        return code;
    offline->version = source_version(fs);
    if (!offline->version)
        return fail(EXIT_MOUNT_FAILED, "the source names no version; one is named by "
                                       "ORG/wandb-registry-REGISTRY/COLLECTION:ALIAS");
    code = choose_files(offline, options);
    return code ? code : start_engine(offline, config);
}

void offline_run(struct offline *offline)
{
    download_run(offline->download, offline->files, offline->count);
    show_progress(offline);
    log_end_progress(offline->fs.log);
}

void offline_settle(struct offline *offline)
{
    lane_free(offline->fs.data_lane);
    offline->fs.data_lane = NULL;
    read_file_settle(&offline->fs);
}

void offline_close(struct offline *offline)
{
    struct filesystem *fs = &offline->fs;
    if (offline->signals)
        signals_set_end(offline->signals, NULL, NULL);
    if (fs->client)
        client_shut_down(fs->client);
    read_file_stop(fs);
    offline_settle(offline);
    read_file_end(fs);
    download_free(offline->download);
    for (size_t i = 0; i < offline->count; i++)
        free(offline->files[i].path);
    free(offline->files);
    object_list_release(&offline->listed);
    signals_stop(offline->signals);
    connect_release(fs);
}

int offline_result(const struct offline *offline, int code)
{
    int number = offline->signals ? signals_number(offline->signals) : 0;
    return number ? EXIT_BY_A_SIGNAL + number : code;
}
