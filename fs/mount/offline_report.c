/* SPDX-License-Identifier: MIT */
#include "offline_report.h"

#include "failure.h"
#include "pinned_source.h"

#include <jansson.h>

enum { NAME_CEILING = 64 << 10 };

static unsigned count_of(const struct offline *offline, enum outcome outcome)
{
    unsigned count = 0;
    for (size_t i = 0; i < offline->count; i++)
        count += offline->files[i].outcome == outcome;
    return count;
}

int offline_exit_code(const struct offline *offline)
{
    struct download_figures figures;
    const struct error *failure = download_failure(offline->download);
    download_read_figures(offline->download, &figures);
    if (failure->kind == ERROR_LOCAL)
        return fail(EXIT_SYSTEM, failure->message);
    if (failure->kind != ERROR_NONE)
        return fail(EXIT_MOUNT_FAILED, failure->message);
    unsigned failed = count_of(offline, OUTCOME_FAILED);
    if (failed > 0 && failed == figures.refused && figures.done == 0 && figures.fetched == 0)
        return EXIT_MOUNT_FAILED; /* not one byte came */
    return failed > 0 ? EXIT_SOME_FAILED : 0;
}

static void put_text(json_t *object, const char *name, const char *text)
{
    json_t *value = json_string(text);
    json_object_set_new(object, name, value ? value : json_string("?")); /* no UTF-8 */
}

static json_t *list_outcome(const struct offline *offline, enum outcome outcome)
{
    json_t *list = json_array();
    for (size_t i = 0; i < offline->count; i++) {
        const struct wanted *file = &offline->files[i];
        if (file->outcome != outcome)
            continue;
        json_t *object = json_object();
        put_text(object, "path", file->path);
        if (file->problem[0])
            put_text(object, "problem", file->problem);
        json_array_append_new(list, object);
    }
    return list;
}

static int print_json(const struct offline *offline, const char *name, int code)
{
    struct download_figures figures;
    json_t *object = json_object();
    download_read_figures(offline->download, &figures);
    put_text(object, "source", name);
    if (offline->fs.options->directory)
        put_text(object, "directory", offline->fs.options->directory);
    json_object_set_new(object, "exit", json_integer(code));
    json_object_set_new(object, "files", json_integer((json_int_t)offline->count));
    json_object_set_new(object, "kept", json_integer(count_of(offline, OUTCOME_KEPT)));
    json_object_set_new(object, "brought", json_integer(count_of(offline, OUTCOME_BROUGHT)));
    json_object_set_new(object, "removed", json_integer(offline->removed));
    json_object_set_new(object, "bytes", json_integer((json_int_t)figures.done));
    json_object_set_new(object, "bytes_fetched", json_integer((json_int_t)figures.fetched));
    json_object_set_new(object, "missing", list_outcome(offline, OUTCOME_MISSING));
    json_object_set_new(object, "references", list_outcome(offline, OUTCOME_REFERENCE));
    json_object_set_new(object, "failed", list_outcome(offline, OUTCOME_FAILED));
    int result = json_dumpf(object, stdout, JSON_INDENT(2));
    json_decref(object);
    return result;
}

/* Failures once more, where they are not lost among what was said on the way. */
static void say_outcomes(const struct offline *offline)
{
    unsigned references = count_of(offline, OUTCOME_REFERENCE);
    for (size_t i = 0; i < offline->count; i++) {
        const struct wanted *file = &offline->files[i];
        if (file->outcome == OUTCOME_FAILED)
            fprintf(stderr, "registryfs: %s: %s\n", file->path, file->problem);
        else if (file->outcome == OUTCOME_MISSING && !offline->fs.options->json)
            fprintf(stderr, "registryfs: %s would be fetched\n", file->path);
    }
    if (references && !offline->fs.options->quiet)
        fprintf(stderr, "registryfs: %u references to other storage were passed over\n",
                references);
}

int offline_print(const struct offline *offline, int code)
{
    struct error error = {0};
    cleanup_buf struct buf name;
    buf_init(&name, NAME_CEILING);
    say_outcomes(offline);
    bool named = pinned_source_name(offline->version, &name, &error) == 0;
    int result = 0;
    if (offline->fs.options->json)
        result = print_json(offline, named ? name.data : "", code);
    else if (named)
        result = fputs(name.data, stdout);
    if (result < 0 || putchar('\n') == EOF || fflush(stdout) != 0)
        return fail(EXIT_SYSTEM, "cannot write to standard output");
    return code;
}
