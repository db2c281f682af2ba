/* SPDX-License-Identifier: MIT */
#include "check_command.h"

#include "base/clock.h"
#include "connect.h"
#include "describe.h"
#include "failure.h"
#include "hash.h"
#include "kernel_mount.h"
#include "options.h"
#include "pinned_source.h"
#include "read_file.h"
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/statvfs.h>

enum { TEXT_CEILING = 8 << 10, FREE_SHARE = 10 /* of a disk, which the cache leaves free */ };

enum state { STATE_WELL, STATE_DEGRADED, STATE_UNUSABLE };

static const char *const words[] = {"ok", "degraded", "unusable"};

struct check {
    struct filesystem fs;
    const struct options *options;
    enum state worst;
    json_t *list; /* NULL: text */
};

/* Every finding is one line; what to do about it may be a second one. */
static void report(struct check *check, enum state state, const char *name, const char *found,
                   const char *advice)
{
    if (state > check->worst)
        check->worst = state;
    if (!check->list) {
        printf("%-9s %-14s %s\n", words[state], name, found);
        if (advice)
            printf("%-24s %s\n", "", advice);
        return;
    }
    json_t *value = json_string(found);
    json_t *object = json_pack("{s:s, s:s, s:o}", "check", name, "state", words[state], "found",
                               value ? value : json_string("?")); /* no UTF-8 */
    if (advice)
        json_object_set_new(object, "advice", json_string(advice));
    json_array_append_new(check->list, object);
}

static void report_text(struct check *check, const char *name,
                        bool (*describe)(const struct client *client, struct buf *text))
{
    cleanup_buf struct buf text;
    buf_init(&text, TEXT_CEILING);
    if (describe(check->fs.client, &text))
        report(check, STATE_WELL, name, text.data, NULL);
}

/* --- this machine --- */

static void check_fuse(struct check *check)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    int reason = errno;
    if (device >= 0)
        close(device);
    if (device < 0)
        report(check, STATE_DEGRADED, "fuse", strerror(reason),
               reason == ENOENT
                   ? "nothing can be mounted: load the module fuse, give the container "
                     "/dev/fuse, or use registryfs get"
                   : "nothing can be mounted: /dev/fuse must be open to this user, or "
                     "use registryfs get");
    else if (geteuid() != 0 && !kernel_mount_has_helper())
        report(check, STATE_DEGRADED, "fuse", "/dev/fuse is there, fusermount3 is not",
               "install fuse3, or use registryfs run, which needs user namespaces only");
    else
        report(check, STATE_WELL, "fuse",
               geteuid() == 0 ? "/dev/fuse can be opened, by root"
                              : "/dev/fuse can be opened, and fusermount3 is there",
               NULL);
}

/* The directory, or the nearest above it that is there: on that disk, and by these rights, it would
 * be made. */
static void nearest(char path[PATH_MAX])
{
    for (char *slash; access(path, F_OK) != 0 && (slash = strrchr(path, '/')) != NULL;)
        slash[slash == path] = '\0';
}

static void check_cache(struct check *check)
{
    char directory[PATH_MAX], place[PATH_MAX], found[PATH_MAX + 128], message[1024];
    struct statvfs disk;
    if (!read_file_cache_directory(check->options, directory)) {
        report(check, STATE_DEGRADED, "cache", "none",
               "every read asks the storage again: give --cache-dir, or set HOME");
        return;
    }
    memcpy(place, directory, sizeof place);
    nearest(place);
    if (!read_file_cache_is_safe(check->options, message, sizeof message)) {
        report(check, STATE_UNUSABLE, "cache", message, NULL);
    } else if (access(place, W_OK | X_OK) != 0 || statvfs(place, &disk) != 0) {
        snprintf(found, sizeof found, "%s: %s", directory, strerror(errno));
        report(check, STATE_DEGRADED, "cache", found,
               "nothing is kept: give a directory of this user's with --cache-dir");
    } else {
        uint64_t spared = (uint64_t)(disk.f_blocks / FREE_SHARE) * disk.f_frsize;
        uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
        room = room > spared ? room - spared : 0;
        snprintf(found, sizeof found, "%s, of %llu bytes at most, %llu more have room", directory,
                 (unsigned long long)check->options->cache_size, (unsigned long long)room);
        report(check, room ? STATE_WELL : STATE_DEGRADED, "cache", found,
               room ? NULL : "a tenth of the disk stays free, and nothing is kept: make room");
    }
}

/* --- the server --- */

static bool check_key(struct check *check)
{
    struct error error = {0};
    if (connect_make_client(&check->fs, &error) < 0) {
        report(check, STATE_UNUSABLE, "key", error.message, NULL);
        return false;
    }
    report_text(check, "key", client_describe_credentials);
    report_text(check, "proxy", client_describe_proxy);
    report_text(check, "certificates", client_describe_certificates);
    return true;
}

static bool check_server(struct check *check)
{
    struct filesystem *fs = &check->fs;
    struct error error = {0};
    struct call call = {.error = &error};
    char found[512];
    int64_t began = clock_milliseconds();
    if (client_check(fs->client, &call, &fs->viewer) < 0) {
        snprintf(found, sizeof found, "%.200s: %.300s", client_base_url(fs->client), error.message);
        report(check, STATE_UNUSABLE, "server", found,
               error.kind == ERROR_UNAUTHENTICATED
                   ? "take the key of this server from its page /authorize"
                   : "see whether the base URL, the proxy and the certificates are right");
        return false;
    }
    snprintf(found, sizeof found, "%.200s answers in %lld ms; the key is good, for %.200s",
             client_base_url(fs->client), (long long)(clock_milliseconds() - began),
             fs->viewer->username.bytes ? fs->viewer->username.bytes : "somebody without a name");
    report(check, STATE_WELL, "server", found, NULL);
    return true;
}

static void check_organizations(struct check *check)
{
    struct error error = {0};
    struct call call = {.error = &error};
    cleanup_object_list struct object_list found = {0};
    cleanup_buf struct buf names;
    buf_init(&names, TEXT_CEILING);
    if (client_list_organizations(check->fs.client, &call, check->fs.viewer, &found) < 0) {
        report(check, STATE_DEGRADED, "organizations", error.message, NULL);
        return;
    }
    for (size_t i = 0; i < found.count; i++) {
        const struct organization *organization = found.items[i];
        buf_printf(&names, "%s%s", i ? ", " : "", organization->name.bytes);
    }
    report(check, found.count ? STATE_WELL : STATE_DEGRADED, "organizations",
           found.count ? names.data : "none",
           found.count ? NULL : "the key sees no registry: it must belong to a member");
}

static void check_source(struct check *check)
{
    struct filesystem *fs = &check->fs;
    const char *base_url = client_base_url(fs->client);
    struct error error = {0};
    cleanup_buf struct buf name;
    buf_init(&name, TEXT_CEILING);
    if (!nodes_init(&fs->nodes, hash_bytes(0, base_url, strlen(base_url))) ||
        source_resolve(fs, check->options->source, &error) < 0) {
        report(check, STATE_UNUSABLE, "source", error.message[0] ? error.message : "out of memory",
               NULL);
        return;
    }
    const struct version *version = source_version(fs);
    bool named = version && pinned_source_name(version, &name, &error) == 0;
    report(check, STATE_WELL, "source", named ? name.data : check->options->source, NULL);
}

int check_command(const struct options *options)
{
    struct check check = {.fs = {.options = options}, .options = options};
    int code = connect_prepare(&check.fs);
    check.list = options->json ? json_array() : NULL;
    if (code == 0 && check_key(&check) && check_server(&check)) {
        check_organizations(&check);
        if (options->source)
            check_source(&check);
    }
    if (code == 0) {
        check_fuse(&check);
        check_cache(&check);
    }
    if (check.list) {
        json_t *object = json_pack("{s:s, s:O}", "state", words[check.worst], "checks", check.list);
        json_dumpf(object, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(object);
    }
    json_decref(check.list);
    connect_release(&check.fs);
    if (code == 0 && fflush(stdout) != 0)
        return fail(EXIT_SYSTEM, "cannot write to standard output");
    return code ? code : (int)check.worst;
}
