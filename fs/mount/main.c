/* SPDX-License-Identifier: MIT */
#include "answer/directories.h"
#include "answer/files.h"
#include "answer/operations.h"
#include "answer/read_content.h"
#include "auto_unmount.h"
#include "base/clock.h"
#include "check_command.h"
#include "connect.h"
#include "daemon.h"
#include "edit/dropped_in.h"
#include "edit/unsaved.h"
#include "get_command.h"
#include "inode/filesystem.h"
#include "kernel_mount.h"
#include "mountpoint.h"
#include "report/options.h"
#include "resolve_command.h"
#include "run_command.h"
#include "service_manager.h"
#include "signals.h"
#include "status_path.h"
#include "status_query.h"
#include "status_server.h"
#include "tree/directory.h"
#include "tree/kernel_cache.h"
#include "tree/passthrough.h"
#include "tree/place.h"
#include "tree/provenance_file.h"
#include "tree/query_keep.h"
#include "version.h"
#include "wait/session_loop.h"
#include "warm_command.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>

/* What a mount's parts need not know. */
struct mount {
    struct filesystem fs;
    struct daemon daemon;
    struct mountpoint mountpoint;
    struct kernel_mount kernel;
    struct signals *signals;
    int watcher; /* of auto_unmount; -1: none */
    bool ready;  /* the kernel talks to us; set by its first message */
};

/* libfuse's log function has no context of its own. */
static struct log *libfuse_log;

__attribute__((format(printf, 2, 0))) static void
log_from_libfuse(enum fuse_log_level level, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_write(libfuse_log, level <= FUSE_LOG_ERR ? CLIENT_LOG_WARNING : CLIENT_LOG_DEBUG, "%s",
              line);
}

/* Users raise the hard limit; the soft one is low for the sake of programs that use select(). */
static void use_all_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct passthrough *make_passthrough(const struct filesystem *fs)
{
    struct disk_cache_figures disk = {0};
    if (fs->disk_cache)
        disk_cache_read_figures(fs->disk_cache, &disk);
    return passthrough_new(&(struct passthrough_config){
        .wanted = fs->options->passthrough == PASSTHROUGH_AUTO, .directory = disk.directory});
}

static bool make_parts(struct filesystem *fs)
{
    fs->journal = journal_new();
    fs->fetches = fetches_new(FETCH_WIDTH, dropped_in_keep_removed);
    fs->requests = requests_new();
    fs->kernel_cache = kernel_cache_new();
    fs->queries = queries_new();
    bool content = read_file_start(fs);
    fs->passthrough = make_passthrough(fs);
    return content && fs->passthrough && fs->journal && fs->fetches && fs->requests &&
           fs->kernel_cache && fs->queries;
}

static int add_control(struct filesystem *fs)
{
    enum { CONTROL_MEMBER = 200 }; /* no directory of the root: no listing touches it */
    fs->control = node_install(&fs->nodes, (struct place){fs->nodes.root, CONTROL_MEMBER},
                               NODE_CONTROL, NAME_OF_CONTROL, NULL, 0, clock_nanoseconds());
    if (!fs->control)
        return fail(EXIT_SYSTEM, "out of memory");
    node_hold(&fs->nodes, fs->control);
    return 0;
}

/* The name that mount(8) shows; a comma would end the option, a backslash quote what follows. */
static void write_name(const char *source, char *name, size_t size)
{
    snprintf(name, size, "%s", source ? source : "registryfs");
    for (char *at = name; *at; at++) {
        if (*at == ',' || *at == '\\' || (unsigned char)*at < 0x20)
            *at = '_';
    }
}

static bool new_session(struct filesystem *fs)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    char most_read[32];
    snprintf(most_read, sizeof most_read, "-omax_read=%d", MOST_READ);
    if (fuse_opt_add_arg(&args, "registryfs") == 0 && fuse_opt_add_arg(&args, most_read) == 0 &&
        (!fs->options->allow_root || fuse_opt_add_arg(&args, "-oallow_root") == 0) &&
        (!fs->options->debug || fuse_opt_add_arg(&args, "-odebug") == 0))
        fs->session = fuse_session_new(&args, &operations, sizeof operations, fs);
    fuse_opt_free_args(&args);
    return fs->session != NULL;
}

static int mount_session(struct mount *mount)
{
    struct filesystem *fs = &mount->fs;
    const struct options *options = fs->options;
    char name[PATH_MAX], message[1024], device[32];
    if (!new_session(fs))
        return fail(EXIT_SYSTEM, "cannot start a FUSE session: out of memory");
    write_name(options->fsname ? options->fsname : options->source, name, sizeof name);
    struct kernel_mount_options wanted = {
        .name = name,
        .list = options->kernel.data,
        .read_only = options->read_only,
        .allow_other = options->allow_other || options->allow_root,
        .most_read = MOST_READ,
    };
    int lock;
    int code =
        mountpoint_check(&mount->mountpoint, options->nonempty, &lock, message, sizeof message);
    if (code == 0 &&
        kernel_mount_make(&mount->kernel, &mount->mountpoint, &wanted, message, sizeof message) < 0)
        code = EXIT_MOUNT_FAILED;
    if (lock >= 0)
        close(lock);
    if (code == 0 && mount->watcher >= 0)
        auto_unmount_note(mount->watcher, &mount->kernel);
    snprintf(device, sizeof device, "/dev/fd/%d", mount->kernel.device);
    if (code == 0 && (fuse_session_mount(fs->session, device) < 0 ||
                      !passthrough_attach(fs->passthrough, fs->session))) {
        snprintf(message, sizeof message, "cannot serve %s: out of memory", device);
        code = EXIT_SYSTEM;
    }
    return code ? fail(code, message) : 0;
}

static void end_loop(void *loop)
{
    session_loop_end(loop);
}

static int run_loop(struct mount *mount)
{
    struct filesystem *fs = &mount->fs;
    char key[STATUS_KEY_SIZE];
    struct session_loop *loop = session_loop_new(fs->session);
    if (!loop)
        return fail(EXIT_SYSTEM, "out of memory");
    signals_set_end(mount->signals, end_loop, loop);
    kernel_cache_start(fs->kernel_cache, fs->session);
    status_key(mount->kernel.number, fs->options->mountpoint, key);
    fs->status_server = status_server_start(fs, key);
    int result = session_loop_run(loop);
    signals_set_end(mount->signals, NULL, NULL);
    session_loop_free(loop);
    if (!mount->ready)
        return fail(EXIT_MOUNT_FAILED, "interrupted before it was mounted");
    return result < 0 ? EXIT_SYSTEM : EXIT_MOUNTED;
}

/* Nothing may reply once the session is gone, so all that could is ended first. */
static void stop(struct mount *mount)
{
    struct filesystem *fs = &mount->fs;
    notify_service_manager("STOPPING=1");
    if (fs->client)
        client_shut_down(fs->client);
    status_server_stop(fs->status_server);
    if (fs->fetches)
        fetches_cancel_all(fs->fetches);
    read_file_stop(fs);
    if (fs->requests)
        requests_interrupt_all(fs->requests);
    if (fs->kernel_cache)
        kernel_cache_stop(fs->kernel_cache);
    if (fs->fetches)
        fetches_stop(fs->fetches);
    lane_free(fs->data_lane);
    read_file_settle(fs);
    kernel_mount_undo(&mount->kernel);
    passthrough_detach(fs->passthrough);
    if (fs->session)
        fuse_session_destroy(fs->session);
    open_file_close_all(fs);
    open_directory_close_all(fs);
    if (fs->control)
        dropped_in_leave_all(fs);
    unsaved_write_out(fs);
}

static void free_parts(struct filesystem *fs)
{
    requests_free(fs->requests);
    fetches_free(fs->fetches);
    kernel_cache_free(fs->kernel_cache);
    read_file_end(fs); /* it holds nodes */
    passthrough_free(fs->passthrough);
    connect_release(fs);
}

static void on_ready(struct filesystem *fs)
{
    struct mount *mount = (struct mount *)(void *)fs;
    mount->ready = true;
    if (mount->daemon.caller >= 0)
        log_leave_terminal(fs->log);
    signals_mounted(mount->signals);
    if (!daemon_ready(&mount->daemon))
        signals_end(mount->signals);
    notify_service_manager("READY=1");
    log_write(fs->log, CLIENT_LOG_INFO, "mounted %s at %s", client_base_url(fs->client),
              fs->options->mountpoint);
}

/* Nothing is mounted yet and nothing is held that would have to be saved. */
static void abandon(void *context)
{
    (void)context;
    fprintf(stderr, "registryfs: interrupted before it was mounted\n");
    _exit(EXIT_MOUNT_FAILED);
}

static int start_and_run(struct mount *mount)
{
    int code = make_parts(&mount->fs) ? 0 : fail(EXIT_SYSTEM, "out of memory");
    if (code == 0)
        code = connect_client(&mount->fs);
    if (code == 0) {
        read_file_use_server(&mount->fs);
        code = connect_source(&mount->fs);
    }
    if (code == 0)
        code = add_control(&mount->fs);
    if (mount->fs.client)
        client_wait_out_limits(mount->fs.client, 0);
    signals_set_end(mount->signals, NULL, NULL);
    if (code == 0)
        code = mount_session(mount);
    return code ? code : run_loop(mount);
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
    libfuse_log = fs->log;
    fuse_set_log_func(log_from_libfuse);
    mount->watcher = fs->options->auto_unmount ? auto_unmount_start() : -1;
    signals_block();
    mount->signals = signals_start(fs, mount->daemon.caller);
    bool started = mount->signals && (mount->watcher >= 0 || !fs->options->auto_unmount);
    int code = started ? 0 : fail(EXIT_SYSTEM, "cannot start another thread or process");
    if (code == 0) {
        signals_set_end(mount->signals, abandon, NULL);
        code = start_and_run(mount);
    }
    stop(mount);
    signals_stop(mount->signals);
    free_parts(fs);
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

/* The descriptor that a path such as `<(command)` makes stands for; -1: it is another path. */
static int named_descriptor(const char *path)
{
    static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};
    for (size_t i = 0; path && i < sizeof directories / sizeof *directories; i++) {
        size_t length = strlen(directories[i]);
        if (strncmp(path, directories[i], length) == 0)
            return (int)strtol(path + length, NULL, 10);
    }
    return -1;
}

/* What the caller has open is its own, but for what the command line and the environment name. */
static void close_inherited(const struct options *options)
{
    const int kept[] = {
        options->ready_fd,
        named_descriptor(options->mountpoint),
        named_descriptor(options->api_key_file),
        named_descriptor(options->log_file),
        named_descriptor(options->resolved),
        named_descriptor(getenv("WANDB_IDENTITY_TOKEN_FILE")),
        named_descriptor(getenv("NETRC")),
    };
    daemon_close_inherited(kept, sizeof kept / sizeof *kept);
}

static int mount_and_serve(struct options *options)
{
    connect_keep_memory_private();
    close_inherited(options);
    char log_file[PATH_MAX], key_file[PATH_MAX], cache_dir[PATH_MAX], resolved[PATH_MAX];
    options->log_file = absolute(options->log_file, log_file);
    options->api_key_file = absolute(options->api_key_file, key_file);
    options->cache_dir = absolute(options->cache_dir, cache_dir);
    options->resolved = absolute(options->resolved, resolved);
    struct mount mount = {.fs = {.options = options}, .kernel = {.device = -1}};
    char message[PATH_MAX + 512];
    int code = mountpoint_open(&mount.mountpoint, options->mountpoint, options->nonempty, message,
                               sizeof message);
    if (!code && !read_file_cache_is_safe(options, message, sizeof message)) {
        mountpoint_close(&mount.mountpoint);
        code = EXIT_MOUNT_FAILED;
    }
    if (code)
        return fail(code, message);
    use_all_descriptors();
    options->mountpoint = mount.mountpoint.path;
    enum daemon_role role =
        daemon_start(&mount.daemon, options->foreground, options->ready_fd, &code);
    if (role == DAEMON_FAILED) {
        snprintf(message, sizeof message, "cannot go to the background: %s", strerror(errno));
        code = fail(EXIT_SYSTEM, message);
    } else if (role == DAEMON_CHILD) {
        code = serve(&mount);
        daemon_failed(&mount.daemon, code);
    }
    mountpoint_close(&mount.mountpoint);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error = {0};
    int code = EXIT_MOUNTED;
    daemon_fill_standard_descriptors();
    if (options_parse(&options, argc, argv, &error) < 0)
        code = fail(EXIT_USAGE, error.message);
    else if (options.help)
        options_print_help(stdout);
    else if (options.version)
        printf("registryfs %s\n", REGISTRYFS_VERSION);
    else if (options.status && options.watch)
        code = status_watch(options.status, stdout);
    else if (options.status)
        code = status_query(options.status, options.json, stdout);
    else if (options.words)
        code = run_command(&options, mount_and_serve);
    else if (options.command == COMMAND_RESOLVE)
        code = resolve_command(&options);
    else if (options.command == COMMAND_GET)
        code = get_command(&options);
    else if (options.command == COMMAND_WARM)
        code = warm_command(&options);
    else if (options.command == COMMAND_CHECK)
        code = check_command(&options);
    else
        code = mount_and_serve(&options);
    options_release(&options);
    return code;
}
