/* SPDX-License-Identifier: MIT */
#include "warm_command.h"

#include "answer/read_content.h"
#include "content/disk_pins.h"
#include "failure.h"
#include "offline_report.h"
#include "pinned_source.h"

#include <errno.h>

enum {
    DAY = 24 * 60 * 60,
    NAME_CEILING = 64 << 10,
    SPARE_SHARE = 8, /* of the limit: not for what is to stay */
};

static const char no_cache[] =
    "warm needs a cache: give --cache-dir, or a --cache-size other than 0";

/* --- what is pinned --- */

static bool print_pin(void *context, const struct disk_pin *pin)
{
    char until[32];
    uint64_t bytes = 0;
    struct tm time;
    (void)context;
    for (size_t i = 0; i < pin->count; i++)
        bytes += pin->keys[i].size;
    gmtime_r(&pin->until, &time);
    strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &time);
    printf("%s %llu %s\n", until, (unsigned long long)bytes, pin->name);
    return true;
}

static int list_pins(const char *directory)
{
    char message[PATH_MAX + 128];
    if (disk_pins_each(directory, time(NULL), print_pin, NULL) && fflush(stdout) == 0)
        return 0;
    snprintf(message, sizeof message, "cannot list what is pinned in %.3000s: %s", directory,
             strerror(errno));
    return fail(EXIT_SYSTEM, message);
}

static int unpin(const char *directory, const char *name)
{
    char message[PATH_MAX + 512];
    if (name && disk_pins_remove(directory, name))
        return 0;
    snprintf(message, sizeof message,
             "cannot unpin %.300s in %.3000s: %s; warm --list prints the names", name ? name : "/",
             directory, errno == ENOENT ? "it is not pinned" : strerror(errno));
    return fail(EXIT_SYSTEM, message);
}

/* --- one version --- */

static bool has_known_content(const struct artifact_file *file)
{
    return file->stored && file->has_md5 && file->size > 0;
}

/* The version's contents. False: no memory. */
static bool collect(const struct offline *offline, struct disk_pinned *contents)
{
    for (size_t i = 0; i < offline->count; i++) {
        const struct artifact_file *file = offline->files[i].file;
        struct disk_key key = {.size = (uint64_t)file->size};
        memcpy(key.md5, file->md5, MD5_SIZE);
        if (has_known_content(file) && !disk_pinned_add(contents, &key, 1))
            return false;
    }
    disk_pinned_order(contents);
    return true;
}

/* Whether they can stay beside what others have pinned. */
static int check_room(const struct options *options, const char *directory,
                      const struct disk_pinned *contents)
{
    char message[512];
    struct disk_pinned all = {0};
    uint64_t room = options->cache_size - options->cache_size / SPARE_SHARE;
    bool known = disk_pinned_load(&all, directory, time(NULL)) &&
                 disk_pinned_add(&all, contents->keys, contents->count);
    disk_pinned_order(&all);
    uint64_t wanted = disk_pinned_bytes(&all);
    disk_pinned_release(&all);
    if (!known)
        return fail(EXIT_SYSTEM, "cannot see what is pinned in the cache");
    if (wanted <= room)
        return 0;
    snprintf(message, sizeof message,
             "this version and what is pinned take %llu bytes, of the cache's %llu %llu are for "
             "what stays: give more with --cache-size, or end a pin (warm --list, --unpin)",
             (unsigned long long)wanted, (unsigned long long)options->cache_size,
             (unsigned long long)room);
    return fail(EXIT_SYSTEM, message);
}

static int pin(const struct offline *offline, const char *directory,
               const struct disk_pinned *contents)
{
    struct error error = {0};
    char message[512];
    cleanup_buf struct buf name;
    buf_init(&name, NAME_CEILING);
    if (pinned_source_name(offline->version, &name, &error) < 0)
        return fail(EXIT_MOUNT_FAILED, error.message);
    const struct disk_pin wanted = {
        .name = name.data,
        .until = time(NULL) + (time_t)offline->fs.options->pin_days * DAY,
        .keys = contents->keys,
        .count = contents->count,
    };
    if (disk_pins_add(directory, &wanted))
        return 0;
    snprintf(message, sizeof message, "cannot pin in %.300s: %s", directory, strerror(errno));
    return fail(EXIT_SYSTEM, message);
}

/* Whether the cache has a content now that the others have come, too. */
static bool is_kept(const struct offline *offline, const struct artifact_file *file)
{
    struct disk_file *kept =
        disk_file_open(offline->fs.disk_cache, file->md5, (uint64_t)file->size);
    bool good =
        kept && (disk_file_is_verified(kept) ||
                 disk_file_check(kept, download_stopped(offline->download)) == DISK_CHECK_GOOD);
    if (kept)
        disk_file_close(kept);
    return good;
}

static void check_all(struct offline *offline)
{
    struct disk_cache_figures figures;
    for (size_t i = 0; i < offline->count; i++) {
        struct wanted *file = &offline->files[i];
        if (file->outcome != OUTCOME_BROUGHT || !has_known_content(file->file) ||
            is_kept(offline, file->file))
            continue;
        disk_cache_read_figures(offline->fs.disk_cache, &figures);
        file->outcome = OUTCOME_FAILED;
        snprintf(file->problem, sizeof file->problem, "the cache has not kept it%s%.200s",
                 figures.problem[0] ? ": " : "", figures.problem);
    }
}

static int bring_all(struct offline *offline, const char *directory)
{
    struct disk_pinned contents = {0};
    int code = collect(offline, &contents) ? 0 : fail(EXIT_SYSTEM, "out of memory");
    if (code == 0)
        code = check_room(offline->fs.options, directory, &contents);
    if (code == 0 && offline->fs.options->pin_days > 0)
        code = pin(offline, directory, &contents);
    disk_pinned_release(&contents);
    if (code)
        return code;
    offline_run(offline);
    offline_settle(offline);
    if (!atomic_load(download_stopped(offline->download)))
        check_all(offline);
    code = offline_exit_code(offline);
    return offline_print(offline, offline_result(offline, code));
}

static int warm(const struct options *options, const char *directory)
{
    struct offline offline;
    const struct download_config config = {
        .jobs = options->jobs,
        .references_fail = options->references_fail,
    };
    int code = offline_open(&offline, options, &config);
    if (code == 0)
        code = bring_all(&offline, directory);
    code = offline_result(&offline, code);
    offline_close(&offline);
    return code;
}

int warm_command(const struct options *options)
{
    char directory[PATH_MAX], message[1024];
    if (!read_file_cache_directory(options, directory))
        return fail(EXIT_USAGE, no_cache);
    if (!read_file_cache_is_safe(options, message, sizeof message))
        return fail(EXIT_SYSTEM, message);
    if (options->list)
        return list_pins(directory);
    if (options->unpin)
        return unpin(directory, options->source);
    return warm(options, directory);
}
