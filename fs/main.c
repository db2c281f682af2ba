/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "daemon.h"
#include "errnos.h"
#include "filesystem.h"
#include "hash.h"
#include "kernel_cache.h"
#include "mountpoint.h"
#include "operations.h"
#include "options.h"
#include "signals.h"
#include "source.h"
#include "unsaved.h"
#include "version.h"

#include <errno.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { METADATA_WORKERS = 10, LOOP_THREADS = 4 };

/* The mount of this process; libfuse's log function has no context of its own. */
static struct log *fuse_log_target;

static void log_from_libfuse(enum fuse_log_level level, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_write(fuse_log_target, level <= FUSE_LOG_ERR ? CLIENT_LOG_WARNING : CLIENT_LOG_DEBUG, "%s",
              line);
}

static void on_client_log(void *context, enum client_log_level level, const char *message)
{
    log_write(((struct filesystem *)context)->log, level, "%s", message);
}

static void on_client_report(void *context, enum error_kind kind, const char *operation,
                             const char *object, const char *message)
{
    struct filesystem *fs = context;
    journal_add(fs->journal, operation, object, kind, message);
    log_write(fs->log, CLIENT_LOG_WARNING, "%s %s: %s", operation, object, message);
}

/* The API key is in this process: no core dump, no debugger of another process. */
static void keep_memory_private(void)
{
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

static bool make_parts(struct filesystem *fs)
{
    fs->journal = journal_new();
    fs->metadata_lane = lane_new("metadata", METADATA_WORKERS);
    fs->fetches = fs->metadata_lane ? fetches_new(fs->metadata_lane) : NULL;
    fs->requests = requests_new();
    fs->kernel_cache = kernel_cache_new();
    return fs->journal && fs->metadata_lane && fs->fetches && fs->requests && fs->kernel_cache;
}

static int fail(int code, const char *message)
{
    fprintf(stderr, "registryfs: %s\n", message);
    return code;
}

static int connect_client(struct filesystem *fs)
{
    const struct options *options = fs->options;
    struct client_config config = {
        .base_url = options->base_url,
        .api_key_file = options->api_key_file,
        .user_agent = "registryfs/" REGISTRYFS_VERSION,
        .timeout_ms = options->timeout_ms,
        .observer = {fs, on_client_log, on_client_report},
    };
    struct error error = {0};
    if (client_new(&config, &fs->client, &error) < 0)
        return fail(error.kind == ERROR_UNAUTHENTICATED ? EXIT_MOUNT_FAILED : EXIT_USAGE,
                    error.message);
    struct call call = {.error = &error};
    if (client_check(fs->client, &call, &fs->viewer) < 0) {
        error_wrap(&error, "cannot use %s", client_base_url(fs->client));
        return fail(EXIT_MOUNT_FAILED, error.message);
    }
    return 0;
}

static int open_tree(struct filesystem *fs)
{
    const char *base_url = client_base_url(fs->client);
    struct error error = {0};
    if (!nodes_init(&fs->nodes, hash_bytes(0, base_url, strlen(base_url))))
        return fail(EXIT_SYSTEM, "out of memory");
    if (source_resolve(fs, fs->options->source, &error) < 0)
        return fail(EXIT_MOUNT_FAILED, error.message);
    enum { CONTROL_MEMBER = 200 }; /* no directory of the root: no listing touches it */
    fs->control = node_install(&fs->nodes, (struct place){fs->nodes.root, CONTROL_MEMBER},
                               NODE_CONTROL, NAME_OF_CONTROL, NULL, 0, clock_nanoseconds());
    if (!fs->control)
        return fail(EXIT_SYSTEM, "out of memory");
    node_hold(&fs->nodes, fs->control);
    return 0;
}

static int mount_session(struct filesystem *fs)
{
    const struct options *options = fs->options;
    char arguments[8192];
    snprintf(arguments, sizeof arguments, "-osubtype=registryfs,fsname=%s%s%s%s%s",
             options->source ? options->source : "registryfs", options->read_only ? ",ro" : "",
             options->allow_other || options->allow_root ? ",allow_other" : "",
             options->kernel.size ? options->kernel.data : "", options->debug ? ",debug" : "");
    /* A comma in SOURCE would end the option. */
    for (char *at = strstr(arguments, "fsname=") + strlen("fsname="),
              *end = at + (options->source ? strlen(options->source) : 0);
         at < end; at++) {
        if (*at == ',' || *at == '\\')
            *at = '_';
    }
    char *words[] = {(char[]){"registryfs"}, arguments, NULL};
    struct fuse_args args = {.argc = 2, .argv = words};
    fs->session = fuse_session_new(&args, &operations, sizeof operations, fs);
    fuse_opt_free_args(&args);
    if (!fs->session)
        return fail(EXIT_SYSTEM, "cannot start a FUSE session; see the log");
    if (fuse_session_mount(fs->session, options->mountpoint) == 0)
        return 0;
    char message[512];
    mountpoint_explain_failure(options->mountpoint, message, sizeof message);
    return fail(EXIT_MOUNT_FAILED, message);
}

static int run_loop(struct filesystem *fs)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    if (!config)
        return fail(EXIT_SYSTEM, "out of memory");
    fuse_loop_cfg_set_max_threads(config, LOOP_THREADS);
    fuse_loop_cfg_set_idle_threads(config, LOOP_THREADS);
    struct signals *signals = signals_start(fs);
    kernel_cache_start(fs->kernel_cache, fs->session);
    int result = fuse_session_loop_mt(fs->session, config);
    signals_stop(signals);
    fuse_loop_cfg_destroy(config);
    return result < 0 ? EXIT_SYSTEM : EXIT_MOUNTED;
}

/* Nothing may reply once the session is gone, so all that could is ended first. */
static void stop(struct filesystem *fs)
{
    if (fs->client)
        client_shut_down(fs->client);
    if (fs->fetches)
        fetches_cancel_all(fs->fetches);
    if (fs->requests)
        requests_interrupt_all(fs->requests);
    if (fs->kernel_cache)
        kernel_cache_stop(fs->kernel_cache);
    lane_free(fs->metadata_lane);
    if (fs->session) {
        fuse_session_unmount(fs->session);
        fuse_session_destroy(fs->session);
    }
    unsaved_write_out(fs);
}

static void free_parts(struct filesystem *fs)
{
    requests_free(fs->requests);
    fetches_free(fs->fetches);
    kernel_cache_free(fs->kernel_cache);
    nodes_release(&fs->nodes);
    object_unref(fs->viewer);
    client_free(fs->client);
    journal_free(fs->journal);
}

/* The way to the background is known to the mount's first moment only. */
struct mount {
    struct filesystem fs;
    struct daemon daemon;
};

static void on_ready(struct filesystem *fs)
{
    struct mount *mount = (struct mount *)(void *)fs;
    if (mount->daemon.result_pipe >= 0)
        log_leave_terminal(fs->log);
    daemon_ready(&mount->daemon);
    log_write(fs->log, CLIENT_LOG_INFO, "mounted %s at %s", client_base_url(fs->client),
              fs->options->mountpoint);
}

static int serve(struct mount *mount)
{
    struct filesystem *fs = &mount->fs;
    fs->on_ready = on_ready;
    fs->mounted = clock_nanoseconds();
    clock_gettime(CLOCK_REALTIME, &fs->mounted_at);
    fs->log = log_open(fs->options->log_file, fs->options->log_level);
    if (!fs->log) {
        fprintf(stderr, "registryfs: cannot open the log file %s: %s\n", fs->options->log_file,
                strerror(errno));
        return EXIT_USAGE;
    }
    fuse_log_target = fs->log;
    fuse_set_log_func(log_from_libfuse);
    signals_block();
    int code = make_parts(fs) ? 0 : fail(EXIT_SYSTEM, "out of memory");
    if (code == 0)
        code = connect_client(fs);
    if (code == 0)
        code = open_tree(fs);
    if (code == 0)
        code = mount_session(fs);
    if (code == 0)
        code = run_loop(fs);
    stop(fs);
    free_parts(fs);
    log_close(fs->log);
    return code;
}

/* A daemon leaves its working directory: what is opened again later must be found from anywhere. */
static const char *absolute(const char *path, char buffer[PATH_MAX])
{
    char directory[PATH_MAX];
    if (!path || path[0] == '/' || !getcwd(directory, sizeof directory))
        return path;
    int length = snprintf(buffer, PATH_MAX, "%s/%s", directory, path);
    return length > 0 && length < PATH_MAX ? buffer : path;
}

static int run(struct options *options)
{
    char log_file[PATH_MAX], key_file[PATH_MAX], cache_dir[PATH_MAX], mountpoint[PATH_MAX];
    options->log_file = absolute(options->log_file, log_file);
    options->api_key_file = absolute(options->api_key_file, key_file);
    options->cache_dir = absolute(options->cache_dir, cache_dir);
    options->mountpoint = absolute(options->mountpoint, mountpoint);
    struct mount mount = {.fs = {.options = options}};
    char message[512];
    int code = mountpoint_check(options->mountpoint, message, sizeof message);
    if (code)
        return fail(code, message);
    if (!daemon_start(&mount.daemon, options->foreground, options->ready_fd)) {
        snprintf(message, sizeof message, "cannot go to the background: %s", strerror(errno));
        return fail(EXIT_SYSTEM, message);
    }
    code = serve(&mount);
    daemon_failed(&mount.daemon, code);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error = {0};
    keep_memory_private();
    int code = EXIT_MOUNTED;
    if (options_parse(&options, argc, argv, &error) < 0)
        code = fail(EXIT_USAGE, error.message);
    else if (options.help)
        options_print_help(stdout);
    else if (options.version)
        printf("registryfs %s\n", REGISTRYFS_VERSION);
    else
        code = run(&options);
    options_release(&options);
    return code;
}
