/* SPDX-License-Identifier: MIT */
#include "get_command.h"

#include "failure.h"
#include "offline_report.h"

struct get {
    struct offline offline;
    const struct options *options;
    struct target *target;
};

static void say_waiting(const char *path)
{
    fprintf(stderr, "registryfs: another registryfs get works in %s; waiting\n", path);
}

static bool keeps(const void *context, const char *path)
{
    const struct get *get = context;
    const struct wanted *files = get->offline.files;
    size_t low = 0, high = get->offline.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(files[middle].path, path);
        if (order == 0)
            return files[middle].outcome != OUTCOME_REFERENCE;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int clean_up(struct get *get)
{
    struct error error = {0};
    target_clear_partials(get->target);
    if (!get->options->exact ||
        target_remove_others(get->target, keeps, get, &get->offline.removed, &error) == 0)
        return 0;
    return fail(EXIT_SYSTEM, error.message);
}

static int run(struct get *get)
{
    const struct options *options = get->options;
    struct error error = {0};
    const struct target_config config = {
        .path = options->directory,
        .exact = options->exact,
        .only_looks = options->dry_run,
        .cancelled = download_stopped(get->offline.download),
        .waits = say_waiting,
    };
    get->target = target_open(&config, &error);
    if (!get->target)
        return error.kind == ERROR_INTERRUPTED ? EXIT_SYSTEM : fail(EXIT_SYSTEM, error.message);
    download_use_target(get->offline.download, get->target);
    offline_run(&get->offline);
    int code = offline_exit_code(&get->offline);
    bool stopped = atomic_load(download_stopped(get->offline.download));
    if (code == 0 && !stopped && !options->dry_run)
        code = clean_up(get);
    return offline_print(&get->offline, offline_result(&get->offline, code));
}

int get_command(const struct options *options)
{
    struct get get = {.options = options};
    const struct download_config config = {
        .jobs = options->jobs,
        .overwrite = options->overwrite,
        .only_looks = options->dry_run,
        .references_fail = options->references_fail,
    };
    int code = offline_open(&get.offline, options, &config);
    if (code == 0)
        code = run(&get);
    code = offline_result(&get.offline, code);
    offline_close(&get.offline);
    target_close(get.target);
    return code;
}
