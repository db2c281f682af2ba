/* SPDX-License-Identifier: MIT */
#include "resolve_command.h"

#include "connect.h"
#include "content.h"
#include "failure.h"
#include "local_file.h"
#include "pinned_source.h"
#include "report/options.h"
#include "source.h"

#include <errno.h>
#include <sys/stat.h>

enum { NAME_CEILING = 64 << 10, LIST_CEILING = 1 << 30 };

/* In place of what may be there; no secret is in it, so the umask says who may read it. */
static int write_list(const char *path, const struct buf *text, struct error *error)
{
    mode_t mask = umask(0);
    umask(mask);
    if (local_file_replace(path, text->data, text->size, error) < 0)
        return -1;
    if (chmod(path, 0666 & ~mask) < 0)
        return error_set(error, ERROR_LOCAL, "cannot set the mode of %.300s: %s", path,
                         strerror(errno));
    return 0;
}

static int list_files(struct filesystem *fs, const struct version *version, struct error *error)
{
    cleanup_buf struct buf text;
    cleanup_object_list struct object_list files = {0};
    buf_init(&text, LIST_CEILING);
    if (source_files(fs, &files, error) < 0)
        return -1;
    if (!client_write_resolved(fs->client, version, &files, &text))
        return error_set(error, ERROR_LOCAL, "out of memory");
    return write_list(fs->options->output, &text, error);
}

static int print_name(struct filesystem *fs)
{
    struct error error = {0};
    cleanup_buf struct buf name;
    const struct version *version = source_version(fs);
    buf_init(&name, NAME_CEILING);
    if (!version)
        return fail(EXIT_MOUNT_FAILED, "the source names no version; one is named by "
                                       "ORG/wandb-registry-REGISTRY/COLLECTION:ALIAS");
    if ((fs->options->output && list_files(fs, version, &error) < 0) ||
        pinned_source_name(version, &name, &error) < 0)
        return fail(error.kind == ERROR_LOCAL ? EXIT_SYSTEM : EXIT_MOUNT_FAILED, error.message);
    printf("%s\n", name.data);
    if (fflush(stdout) != 0)
        return fail(EXIT_SYSTEM, "cannot write to standard output");
    return 0;
}

int resolve_command(const struct options *options)
{
    struct filesystem fs = {.options = options};
    int code = connect_without_mount(&fs);
    if (code == 0)
        code = connect_source(&fs);
    if (code == 0)
        code = print_name(&fs);
    connect_release(&fs);
    return code;
}
