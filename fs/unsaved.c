/* SPDX-License-Identifier: MIT */
#include "unsaved.h"

#include "base/cleanup.h"
#include "local.h"
#include "member.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

enum {
    TEXTS_CEILING = 64 << 20, /* bytes of all texts together */
    MOST_COPIES = 1000,       /* of one text's name in the state directory */
};

static struct node *find(const struct filesystem *fs, struct place directory, const char *name)
{
    return directory.node ? node_find(&fs->nodes, directory.node, directory.member, name) : NULL;
}

static struct node *find_or_make(struct filesystem *fs, struct node *parent, uint8_t member,
                                 const char *name, mode_t mode)
{
    struct place directory = {parent, member};
    struct node *node = find(fs, directory, name);
    return node || !parent ? node : local_new(fs, directory, name, mode, TEXTS_CEILING);
}

static const char *organization_of(const struct node *registry)
{
    return registry->parent->name;
}

static struct node *find_registry(const struct filesystem *fs, const struct node *registry)
{
    struct node *organization =
        find(fs, (struct place){fs->control, MEMBER_UNSAVED}, organization_of(registry));
    return find(fs, (struct place){organization, MEMBER_SELF}, registry->name);
}

static size_t bytes_below(const struct node *node)
{
    const struct local *local = local_of(node);
    size_t sum = local ? local->text.size : 0;
    for (const struct node *child = node->first_child; child; child = child->next_sibling)
        sum += bytes_below(child);
    return sum;
}

bool unsaved_keep(struct filesystem *fs, struct place place, const char *text, size_t size)
{
    unsaved_drop(fs, place);
    if (bytes_below(fs->control) + size > TEXTS_CEILING)
        return false;
    struct node *organization =
        find_or_make(fs, fs->control, MEMBER_UNSAVED, organization_of(place.node), S_IFDIR | 0700);
    struct node *registry =
        find_or_make(fs, organization, MEMBER_SELF, place.node->name, S_IFDIR | 0700);
    struct node *file =
        find_or_make(fs, registry, MEMBER_SELF, member_by_id(place.node->kind, place.member)->name,
                     S_IFREG | 0400);
    return file && (size == 0 || buf_append(&local_of(file)->text, text, size));
}

/* Whether nothing can be found in it any more. */
static bool is_empty(const struct node *directory)
{
    for (const struct node *child = directory->first_child; child; child = child->next_sibling) {
        if (!child->gone)
            return false;
    }
    return true;
}

void unsaved_drop(struct filesystem *fs, struct place place)
{
    struct node *registry = find_registry(fs, place.node);
    struct node *file = find(fs, (struct place){registry, MEMBER_SELF},
                             member_by_id(place.node->kind, place.member)->name);
    if (!file)
        return;
    struct node *organization = registry->parent;
    local_remove(fs, file);
    if (!is_empty(registry))
        return;
    local_remove(fs, registry);
    if (is_empty(organization))
        local_remove(fs, organization);
}

void unsaved_follow_rename(struct filesystem *fs, const struct node *registry, const char *new_name)
{
    struct node *own = find_registry(fs, registry);
    if (!own || find(fs, (struct place){own->parent, MEMBER_SELF}, new_name))
        return;
    node_rename(&fs->nodes, own, new_name);
}

/* --- the end of the mount --- */

/* Makes the directories of a path, up to its last slash. */
static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int result = mkdir(path, 0700);
        *slash = '/';
        if (result != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* A file of that name or, when there is one from an earlier mount, with a number behind it. */
static int create_file(char *path, size_t size)
{
    size_t length = strlen(path);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    for (int copy = 1; file < 0 && errno == EEXIST && copy < MOST_COPIES; copy++) {
        snprintf(path + length, size - length, ".%d", copy);
        file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    return file;
}

static int write_all(int file, const struct buf *text)
{
    for (size_t done = 0; done < text->size;) {
        ssize_t written = write(file, text->data + done, text->size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        done += (size_t)written;
    }
    return fsync(file);
}

static void write_one(struct filesystem *fs, const char *base, const char *place,
                      const struct buf *text)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/registryfs/unsaved/%s", base, place);
    bool fits = length > 0 && (size_t)length < sizeof path - 8;
    cleanup_close int file = -1;
    if (fits && make_directories(path) == 0)
        file = create_file(path, sizeof path);
    if (file >= 0 && write_all(file, text) == 0)
        log_write(fs->log, CLIENT_LOG_WARNING, "%s was not saved; its text is in %s", place, path);
    else
        log_write(fs->log, CLIENT_LOG_ERROR,
                  "%s was not saved, and its text cannot be written to %s: %s", place, path,
                  strerror(fits ? errno : ENAMETOOLONG));
}

static void write_below(struct filesystem *fs, const char *base, const struct node *directory,
                        const char *path)
{
    for (const struct node *child = directory->first_child; child; child = child->next_sibling) {
        const struct local *local = local_of(child);
        if (!local || child->gone)
            continue;
        char below[PATH_MAX];
        snprintf(below, sizeof below, "%s%s%s", path, path[0] ? "/" : "", child->name);
        if (S_ISDIR(local->mode))
            write_below(fs, base, child, below);
        else
            write_one(fs, base, below, &local->text);
    }
}

/* XDG's rule: a relative path counts as none. */
void unsaved_write_out(struct filesystem *fs)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char base[PATH_MAX];
    if (!fs->control)
        return;
    if (state && state[0] == '/')
        snprintf(base, sizeof base, "%s", state);
    else
        snprintf(base, sizeof base, "%s/.local/state", home ? home : "");
    write_below(fs, base, fs->control, "");
}
