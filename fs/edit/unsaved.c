/* SPDX-License-Identifier: MIT */
#include "unsaved.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "content/lane.h"
#include "tree/local.h"
#include "tree/member.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

enum {
    TEXTS_CEILING = 64 << 20, /* bytes of all texts together */
    MOST_TEXTS = 100,         /* of one attribute */
    NUMBER_SIZE = 12,         /* of a ~ and a number */
    MOST_COPIES = 1000,       /* of one text's name in the state directory, before the time tells */
};

/* A text on its way to the state directory: there was no more room for it. */
struct leaving_text {
    struct leaving_text *next;
    struct buf text;
    char path[]; /* ORG/REGISTRY/ATTRIBUTE */
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

/* Of a registry's attribute, or of a member's role. */
static struct node *registry_of(struct place place)
{
    return node_ancestor(place.node, NODE_REGISTRY);
}

/* An attribute's name; of a role the path within the registry, with its slashes escaped. */
static void name_attribute(struct place place, char name[NAME_LIMIT + 1])
{
    if (place.node->kind == NODE_ROLE)
        snprintf(name, NAME_LIMIT + 1, "members%%2F%s%%2F%s", place.node->parent->name,
                 place.node->name);
    else
        snprintf(name, NAME_LIMIT + 1, "%s", member_of(place)->name);
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

/* The name of one of an attribute's texts: the newest has that of the attribute, older ones ~2, ~3.
 */
static void name_text(struct place place, unsigned number, char name[NAME_LIMIT + 1])
{
    char attribute[NAME_LIMIT + 1];
    name_attribute(place, attribute);
    if (number == 1)
        snprintf(name, NAME_LIMIT + 1, "%s", attribute);
    else
        snprintf(name, NAME_LIMIT + 1, "%.*s~%u", NAME_LIMIT - NUMBER_SIZE, attribute, number);
}

static struct node *find_text(const struct filesystem *fs, struct place place, unsigned number)
{
    char name[NAME_LIMIT + 1];
    name_text(place, number, name);
    return find(fs, (struct place){find_registry(fs, registry_of(place)), MEMBER_SELF}, name);
}

static bool is_text(const struct node *file, const char *text, size_t size)
{
    const struct buf *kept = &local_of(file)->text;
    return kept->size == size && (size == 0 || memcmp(kept->data, text, size) == 0);
}

/* The number that a new text makes free: that of an equal one, or of an empty one that is alone, or
 * the one behind the last. */
static unsigned number_to_free(const struct filesystem *fs, struct place place, const char *text,
                               size_t size)
{
    unsigned number = 1;
    for (struct node *file; (file = find_text(fs, place, number)) != NULL; number++) {
        if (is_text(file, text, size) || (number == 1 && local_of(file)->text.size == 0))
            break;
    }
    return number;
}

/* Every text in front of the number is one further back from now on. False: no memory. */
static bool shift(struct filesystem *fs, struct place place, unsigned number)
{
    for (; number > 1; number--) {
        char name[NAME_LIMIT + 1];
        name_text(place, number, name);
        if (!node_rename(&fs->nodes, find_text(fs, place, number - 1), name))
            return false;
    }
    return true;
}

static bool is_older(const struct node *one, const struct node *other)
{
    struct timespec a = local_of(one)->modified, b = local_of(other)->modified;
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static struct node *oldest_below(const struct node *directory)
{
    struct node *oldest = NULL;
    for (struct node *child = directory->first_child; child; child = child->next_sibling) {
        const struct local *local = local_of(child);
        struct node *found = child;
        if (!local || child->gone)
            continue;
        if (S_ISDIR(local->mode))
            found = oldest_below(child);
        if (found && (!oldest || is_older(found, oldest)))
            oldest = found;
    }
    return oldest;
}

static void remove_text(struct filesystem *fs, struct node *file);

bool unsaved_leave(struct filesystem *fs, const char *path, struct buf *text)
{
    struct leaving_text *leaving = calloc(1, sizeof *leaving + strlen(path) + 1);
    if (!leaving)
        return false;
    memcpy(leaving->path, path, strlen(path) + 1);
    leaving->text = *text;
    buf_init(text, text->ceiling);
    struct leaving_text **last = &fs->leaving_texts;
    while (*last)
        last = &(*last)->next;
    *last = leaving;
    return true;
}

/* Takes a text out, for unsaved_spill() to write it. False: no memory, it stays. */
static bool let_go(struct filesystem *fs, struct node *file)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/%s", file->parent->parent->name, file->parent->name,
             file->name);
    if (!unsaved_leave(fs, path, &local_of(file)->text))
        return false;
    remove_text(fs, file);
    return true;
}

/* Makes room for a text that has just come. */
static enum keeping make_room(struct filesystem *fs, struct place place, const struct node *file)
{
    enum keeping keeping = KEPT;
    struct node *last = find_text(fs, place, MOST_TEXTS + 1);
    if (last && let_go(fs, last))
        keeping = KEPT_FOR_ANOTHER;
    while (bytes_below(fs->control) > TEXTS_CEILING) {
        struct node *oldest = oldest_below(fs->control);
        if (!oldest || oldest == file || !let_go(fs, oldest))
            break;
        keeping = KEPT_FOR_ANOTHER;
    }
    return keeping;
}

enum keeping unsaved_keep(struct filesystem *fs, struct place place, const char *text, size_t size)
{
    char name[NAME_LIMIT + 1];
    if (size == 0 && find_text(fs, place, 1))
        return KEPT;
    unsigned number = number_to_free(fs, place, text, size);
    struct node *same = find_text(fs, place, number);
    if (same)
        local_remove(fs, same);
    if (!shift(fs, place, number))
        return NOT_KEPT;
    struct node *organization = find_or_make(fs, fs->control, MEMBER_UNSAVED,
                                             organization_of(registry_of(place)), S_IFDIR | 0700);
    struct node *registry =
        find_or_make(fs, organization, MEMBER_SELF, registry_of(place)->name, S_IFDIR | 0700);
    name_text(place, 1, name);
    struct node *file = find_or_make(fs, registry, MEMBER_SELF, name, S_IFREG | 0400);
    if (!file || (size > 0 && !buf_append(&local_of(file)->text, text, size)))
        return NOT_KEPT;
    return make_room(fs, place, file);
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

/* With the directories that have nothing else. */
static void remove_text(struct filesystem *fs, struct node *file)
{
    struct node *registry = file->parent, *organization = registry->parent;
    local_remove(fs, file);
    if (!is_empty(registry))
        return;
    local_remove(fs, registry);
    if (is_empty(organization))
        local_remove(fs, organization);
}

void unsaved_drop(struct filesystem *fs, struct place place)
{
    struct node *registry = find_registry(fs, registry_of(place));
    char name[NAME_LIMIT + 1];
    name_attribute(place, name);
    size_t length = strlen(name);
    if (!registry)
        return;
    node_hold(&fs->nodes, registry); /* until all of its children were looked at */
    for (struct node *file = registry->first_child, *next; file; file = next) {
        next = file->next_sibling;
        if (!file->gone && strncmp(file->name, name, length) == 0 &&
            (file->name[length] == '\0' || file->name[length] == '~'))
            remove_text(fs, file);
    }
    node_drop(&fs->nodes, registry);
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
    if (file < 0 && errno == EEXIST) {
        snprintf(path + length, size - length, ".%lld", (long long)clock_nanoseconds());
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

static bool write_one(struct filesystem *fs, const char *base, const char *place,
                      const struct buf *text)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/registryfs/unsaved/%s", base, place);
    bool fits = length > 0 && (size_t)length < sizeof path - 24;
    cleanup_close int file = -1;
    if (fits && make_directories(path) == 0)
        file = create_file(path, sizeof path);
    if (file >= 0 && write_all(file, text) == 0) {
        log_write(fs->log, CLIENT_LOG_WARNING, "%s was not saved; its text is in %s", place, path);
        return true;
    }
    log_write(fs->log, CLIENT_LOG_ERROR,
              "%s was not saved, and its text cannot be written to %s: %s", place, path,
              strerror(fits ? errno : ENAMETOOLONG));
    if (file >= 0)
        unlink(path); /* half a text is none */
    return false;
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
static void find_base(char base[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (state && state[0] == '/')
        snprintf(base, PATH_MAX, "%s", state);
    else
        snprintf(base, PATH_MAX, "%s/.local/state", home ? home : "");
}

static void free_leaving(struct leaving_text *leaving)
{
    buf_release(&leaving->text);
    free(leaving);
}

void unsaved_spill(struct filesystem *fs)
{
    char base[PATH_MAX];
    for (;;) {
        pthread_mutex_lock(&fs->nodes.lock);
        struct leaving_text *leaving = fs->leaving_texts;
        if (leaving)
            fs->leaving_texts = leaving->next;
        pthread_mutex_unlock(&fs->nodes.lock);
        if (!leaving)
            return;
        find_base(base);
        if (write_one(fs, base, leaving->path, &leaving->text)) {
            free_leaving(leaving);
            continue;
        }
        pthread_mutex_lock(&fs->nodes.lock);
        leaving->next = fs->leaving_texts;
        fs->leaving_texts = leaving;
        pthread_mutex_unlock(&fs->nodes.lock);
        return;
    }
}

struct spilling {
    struct job job;
    struct filesystem *fs;
};

static void run_spilling(struct job *job)
{
    struct spilling *spilling = (struct spilling *)(void *)job;
    unsaved_spill(spilling->fs);
    free(spilling);
}

void unsaved_spill_soon(struct filesystem *fs)
{
    pthread_mutex_lock(&fs->nodes.lock);
    bool spills = fs->leaving_texts != NULL;
    pthread_mutex_unlock(&fs->nodes.lock);
    struct spilling *spilling = spills ? calloc(1, sizeof *spilling) : NULL;
    if (!spilling)
        return; /* at the latest the end of the mount does it */
    *spilling = (struct spilling){.job.run = run_spilling, .fs = fs};
    lane_submit(fs->data_lane, &spilling->job);
}

void unsaved_write_out(struct filesystem *fs)
{
    char base[PATH_MAX];
    if (!fs->control)
        return;
    find_base(base);
    for (struct leaving_text *leaving = fs->leaving_texts, *next; leaving; leaving = next) {
        next = leaving->next;
        write_one(fs, base, leaving->path, &leaving->text);
        free_leaving(leaving);
    }
    write_below(fs, base, fs->control, "");
    fs->leaving_texts = NULL;
}
