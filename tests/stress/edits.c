/* SPDX-License-Identifier: MIT */
/* What editors and shells do to a registry. The made-up server remembers no change, so that
 * outcomes say little; that each request is answered once, and that nothing stays held, says
 * enough. */
#include "process.h"

#include "base/banned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PICK(list) ((list)[random_below(sizeof(list) / sizeof *(list))])

static const char *const attributes[] = {"description", "visibility", "name", "artifact_types",
                                         "allow_all_artifact_types"};
static const char *const scratches[] = {"description~", ".swp", "4913", "description.new"};
static const char *const texts[] = {
    "text of some words\n", "restricted\n", "organization\n", "true\n", "nonsense",
    "new-type\n",           "\xff",         "r0\n",           ""};

/* The registry, and its organization in *organization; both to be forgotten. */
static fuse_ino_t find_registry(struct process *process, fuse_ino_t *organization)
{
    *organization = process_lookup(process, ROOT_ID, random_below(2) ? "o0" : "o1");
    return *organization ? process_lookup(process, *organization, random_below(4) ? "r0" : "r1")
                         : 0;
}

/* Some writes, then what a program does before it closes. */
static void write_and_close(struct process *process, fuse_ino_t id, struct fuse_file_info *file)
{
    struct stat size = {.st_size = (off_t)random_below(40)};
    off_t offset = 0;
    for (uint32_t writes = random_below(4); writes > 0; writes--) {
        const char *text = PICK(texts);
        if (ASK(process, write, id, text, strlen(text), offset, file) == 0)
            offset += (off_t)strlen(text);
    }
    switch (random_below(6)) {
    case 0:
        ASK(process, setattr, id, &size, FUSE_SET_ATTR_SIZE, file);
        break;
    case 1:
        ASK(process, fsync, id, 0, file);
        break;
    case 2:
        ASK(process, fallocate, id, 0, 0, (off_t)random_below(100), file);
        break;
    case 3:
        ASK(process, getattr, id, file);
        break;
    }
    if (random_below(8) > 0)
        ASK(process, flush, id, file);
    ASK(process, release, id, file);
}

static void write_attribute(struct process *process, fuse_ino_t registry)
{
    static const int flags[] = {O_WRONLY | O_TRUNC, O_RDWR, O_WRONLY | O_APPEND};
    struct fuse_file_info file = {.flags = PICK(flags)};
    fuse_ino_t id = process_lookup(process, registry, PICK(attributes));
    if (id && ASK(process, open, id, &file) == 0) {
        file.fh = process->answer.handle;
        write_and_close(process, id, &file);
    }
    if (id && random_below(4) == 0)
        ASK(process, getxattr, id, "user.registryfs.error", 256);
    process_forget(process, id, 1);
}

/* Makes a file beside the attributes, or writes the attribute whose name was free for a moment. */
static void make_file(struct process *process, fuse_ino_t registry, const char *name)
{
    struct fuse_file_info file = {.flags = O_RDWR | O_CREAT};
    if (ASK(process, create, registry, name, S_IFREG | 0600, &file) != 0)
        return;
    fuse_ino_t id = process->answer.entry.ino;
    file.fh = process->answer.handle;
    write_and_close(process, id, &file);
    process_forget(process, id, 1);
}

static void link_to(struct process *process, fuse_ino_t registry, const char *name)
{
    fuse_ino_t id = process_lookup(process, registry, PICK(attributes));
    if (id && ASK(process, link, id, registry, name) == 0)
        process_forget(process, process->answer.entry.ino, 1);
    process_forget(process, id, 1);
    if (ASK(process, symlink, "target", registry, PICK(scratches)) == 0)
        process_forget(process, process->answer.entry.ino, 1);
}

static void change_names(struct process *process, fuse_ino_t registry)
{
    const char *scratch = PICK(scratches), *attribute = PICK(attributes);
    switch (random_below(6)) {
    case 0: /* as most editors save */
        make_file(process, registry, scratch);
        ASK(process, rename, registry, scratch, registry, attribute, 0);
        break;
    case 1: /* as vim does with 'backupcopy' off */
        ASK(process, rename, registry, attribute, registry, scratch, 0);
        make_file(process, registry, attribute);
        break;
    case 2:
        ASK(process, unlink, registry, attribute);
        make_file(process, registry, attribute);
        break;
    case 3:
        ASK(process, unlink, registry, scratch);
        break;
    case 4:
        link_to(process, registry, scratch);
        break;
    default:
        ASK(process, rename, registry, scratch, registry, PICK(scratches), random_below(3));
        break;
    }
}

static void change_registries(struct process *process, fuse_ino_t organization)
{
    static const char *const names[] = {"r0", "r1", "r2", "made"};
    switch (random_below(3)) {
    case 0:
        if (ASK(process, mkdir, organization, PICK(names), 0700) == 0)
            process_forget(process, process->answer.entry.ino, 1);
        break;
    case 1:
        ASK(process, rmdir, organization, PICK(names));
        break;
    default:
        ASK(process, rename, organization, PICK(names), organization, PICK(names), 0);
        break;
    }
}

void process_edit(struct process *process)
{
    fuse_ino_t organization;
    fuse_ino_t registry = find_registry(process, &organization);
    if (organization && random_below(8) == 0)
        change_registries(process, organization);
    else if (registry && random_below(2))
        write_attribute(process, registry);
    else if (registry)
        change_names(process, registry);
    process_forget(process, registry, 1);
    process_forget(process, organization, 1);
}
