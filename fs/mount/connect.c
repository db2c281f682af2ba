/* SPDX-License-Identifier: MIT */
#include "connect.h"

#include "ancestry.h"
#include "base/clock.h"
#include "content/memory_limit.h"
#include "failure.h"
#include "pinned_source.h"
#include "report/hash.h"
#include "report/options.h"
#include "source.h"
#include "tree/directory.h"
#include "tree/install.h"
#include "tree/provenance_file.h"
#include "tree/query_keep.h"
#include "version.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Of a control group's memory, for one answer of the server. */
enum { ANSWER_SHARE_OF_LIMIT = 4 };

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

/* The environment's list is for who gives none. */
static const char *content_proxies(const struct options *options)
{
    const char *list = getenv("REGISTRYFS_CONTENT_PROXY");
    return options->content_proxy ? options->content_proxy : list && *list ? list : NULL;
}

int connect_make_client(struct filesystem *fs, struct error *error)
{
    const struct options *options = fs->options;
    struct client_config config = {
        .base_url = options->base_url,
        .api_key_file = options->api_key_file,
        .ignores_working_directory = started_by_mount(),
        .content_proxies = content_proxies(options),
        .proxy_headers = options->content_proxy_headers.items,
        .proxy_header_count = options->content_proxy_headers.count,
        .user_agent = "registryfs/" REGISTRYFS_VERSION,
        .timeout_ms = options->timeout_ms,
        .answer_memory =
            memory_limit("/proc/self/cgroup", "/sys/fs/cgroup") / ANSWER_SHARE_OF_LIMIT,
        .observer = {fs, on_client_log, on_client_report},
    };
    if (client_new(&config, &fs->client, error) < 0)
        return -1;
    client_wait_out_limits(fs->client, clock_milliseconds() + options->mount_timeout_ms);
    return 0;
}

int connect_client(struct filesystem *fs)
{
    struct error error = {0};
    if (connect_make_client(fs, &error) == 0)
        return 0;
    return fail(error.kind == ERROR_UNAUTHENTICATED ? EXIT_MOUNT_FAILED : EXIT_USAGE,
                error.message);
}

static int cannot_use_server(struct filesystem *fs, struct error *error)
{
    error_wrap(error, "cannot use %s", client_base_url(fs->client));
    return fail(EXIT_MOUNT_FAILED, error->message);
}

/* So that the mount's root answers from memory from the first moment on (df opens it). Not having
 * the list is no reason to fail: whoever looks asks again. */
static void list_organizations(struct filesystem *fs)
{
    struct error error = {0};
    struct call call = {.error = &error};
    cleanup_object_list struct object_list found = {0};
    int64_t asked = clock_nanoseconds();
    struct place root = {fs->nodes.root, MEMBER_SELF};
    struct lineage nothing = {0};
    if (client_list_organizations(fs->client, &call, fs->viewer, &found) < 0) {
        journal_add(fs->journal, "list", "/", error.kind, error.message);
        return;
    }
    struct listing *listing = directory_listing(root, &nothing, &found, asked, NULL);
    pthread_mutex_lock(&fs->nodes.lock);
    if (listing)
        install_listing(fs, root, listing);
    pthread_mutex_unlock(&fs->nodes.lock);
}

static int check_and_resolve(struct filesystem *fs)
{
    struct error error = {0};
    struct call call = {.error = &error};
    if (client_check(fs->client, &call, &fs->viewer) < 0)
        return cannot_use_server(fs, &error);
    if (!fs->options->source)
        list_organizations(fs);
    if (source_resolve(fs, fs->options->source, &error) < 0)
        return fail(EXIT_MOUNT_FAILED, error.message);
    return 0;
}

int connect_source(struct filesystem *fs)
{
    const struct options *options = fs->options;
    const char *base_url = client_base_url(fs->client);
    struct error error = {0};
    if (!nodes_init(&fs->nodes, hash_bytes(0, base_url, strlen(base_url))))
        return fail(EXIT_SYSTEM, "out of memory");
    if (options->resolved && pinned_source_read(fs, options->resolved, &error) < 0)
        return fail(EXIT_MOUNT_FAILED, error.message);
    if (options->resolved)
        return 0;
    enum pinned_result result = pinned_source_open(fs, options->source, &error);
    if (result == PINNED_NOT)
        return check_and_resolve(fs);
    if (result == PINNED_OPENED)
        return 0;
    return error.kind == ERROR_INVALID ? fail(EXIT_MOUNT_FAILED, error.message)
                                       : cannot_use_server(fs, &error);
}

void connect_keep_memory_private(void)
{
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

int connect_prepare(struct filesystem *fs)
{
    connect_keep_memory_private();
    fs->log = log_open(fs->options->log_file, fs->options->log_level);
    fs->journal = journal_new();
    fs->queries = queries_new();
    if (!fs->log) {
        fprintf(stderr, "registryfs: cannot open the log file %s: %s\n", fs->options->log_file,
                strerror(errno));
        return EXIT_USAGE;
    }
    if (!fs->journal || !fs->queries)
        return fail(EXIT_SYSTEM, "out of memory");
    return 0;
}

int connect_without_mount(struct filesystem *fs)
{
    int code = connect_prepare(fs);
    return code ? code : connect_client(fs);
}

void connect_release(struct filesystem *fs)
{
    nodes_release(&fs->nodes);
    provenance_release(fs);
    queries_free(fs->queries);
    object_unref(fs->viewer);
    client_free(fs->client);
    journal_free(fs->journal);
    log_close(fs->log);
}
