/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "base/clock.h"
#include "edit/dropped_in.h"
#include "edit/registry_change.h"
#include "edit/roster_change.h"
#include "edit/save.h"
#include "text/name.h"
#include "tree/leftover.h"
#include "tree/member.h"
#include "tree/place.h"
#include "tree/room.h"
#include "wait/callers.h"

#include <errno.h>
#include <linux/fs.h>

/* A file may be twice as long as the longest text, so that an editor's swap file of it fits. */
enum { MOST_FILES = 64, MOST_BYTES = 8 << 20, FILE_CEILING = 2 << 20, EXPIRE_SECONDS = 3600 };

static bool is_scratch(const struct node *node)
{
    return node->kind == NODE_LOCAL && !node->gone &&
           (node->parent->kind == NODE_REGISTRY || node->parent->kind == NODE_ROSTER);
}

/* Files and bytes of all scratch files of a registry. */
static void measure(const struct node *registry, size_t *files, size_t *bytes)
{
    *files = *bytes = 0;
    for (const struct node *child = registry->first_child; child; child = child->next_sibling) {
        if (!is_scratch(child))
            continue;
        ++*files;
        if (!local_is_further_name(child))
            *bytes += local_of(child)->text.size;
    }
}

void scratch_expire(struct filesystem *fs, struct node *registry)
{
    int64_t oldest = clock_nanoseconds() - EXPIRE_SECONDS * CLOCK_SECOND;
    for (struct node *child = registry->first_child; child;) {
        const struct local *local = is_scratch(child) ? local_of(child) : NULL;
        bool expired = local && !local->opened && local->used < oldest;
        if (expired && (!dropped_in_has_text(child) || dropped_in_leave(fs, child)))
            local_remove(fs, child); /* it may go on under another name, which goes next */
        else
            child = child->next_sibling;
    }
}

/* Whether a scratch file may have that many bytes. One that is gone counts for itself. */
static bool fits(const struct node *file, size_t size)
{
    size_t files, bytes, own = local_of(file)->text.size;
    measure(file->parent, &files, &bytes);
    return size <= FILE_CEILING && (size <= own || bytes + (size - own) <= MOST_BYTES);
}

int scratch_resize(struct node *file, size_t size)
{
    struct local *local = local_of(file);
    if (!fits(file, size) || !buf_resize(&local->text, size))
        return ENOSPC;
    local->copy_of = 0;
    if (size == 0)
        local->failure = 0;
    local_touch(local);
    return 0;
}

void scratch_rebase(struct node *file)
{
    struct local *local = local_of(file);
    void *old = local->base;
    if (!is_scratch(file) || file->parent->kind != NODE_REGISTRY)
        return;
    local->base = object_ref(file->parent->object);
    local->base_saves = room_saves(file->parent);
    object_unref(old);
}

static int refuse_creation(struct request *request, struct place directory, const char *name)
{
    int error_number = place_refuses_change(request, directory);
    if (error_number)
        return error_number;
    bool roster = directory.node->kind == NODE_ROSTER && roster_is_temporary(name, true);
    if ((directory.node->kind != NODE_REGISTRY && !roster) || directory.member)
        return EPERM;
    if (strlen(name) > NAME_LIMIT)
        return ENAMETOOLONG;
    bool taken = (!roster && member_by_name(NODE_REGISTRY, name)) ||
                 node_find(&request->fs->nodes, directory.node, MEMBER_SELF, name);
    return taken ? EEXIST : 0;
}

struct node *scratch_new(struct request *request, struct place directory, const char *name,
                         mode_t mode, int *error_number)
{
    struct filesystem *fs = request->fs;
    size_t files, bytes;
    *error_number = refuse_creation(request, directory, name);
    if (*error_number)
        return NULL;
    scratch_expire(fs, directory.node);
    measure(directory.node, &files, &bytes);
    *error_number = ENOSPC;
    if (files >= MOST_FILES)
        return NULL;
    struct node *node = local_new(fs, directory, name, mode, FILE_CEILING);
    *error_number = ENOMEM;
    if (!node)
        return NULL;
    scratch_rebase(node);
    dropped_in_note(fs, "create", node);
    return node;
}

/* --- mknod, symlink, link --- */

/* Answers with the new entry, or with the error. Takes the lock's end over. */
static bool reply_new(struct request *request, struct node *node, int error_number)
{
    struct nodes *nodes = &request->fs->nodes;
    struct fuse_entry_param entry;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    if (node && place_entry(request->fs, (struct place){node, MEMBER_SELF}, &scratch, &entry)) {
        node_add_lookup(nodes, node);
        pthread_mutex_unlock(&nodes->lock);
        if (fuse_reply_entry(request->fuse, &entry) != 0) {
            pthread_mutex_lock(&nodes->lock);
            node_forget(nodes, node, 1);
            pthread_mutex_unlock(&nodes->lock);
        }
        return true;
    }
    pthread_mutex_unlock(&nodes->lock);
    fuse_reply_err(request->fuse, error_number);
    return true;
}

bool mknod_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    int error_number = EPERM;
    struct node *node = NULL;
    pthread_mutex_lock(&nodes->lock);
    struct place directory = node_place(nodes, request->id);
    mode_t mode = (mode_t)request->flags;
    if (S_ISREG(mode))
        node = scratch_new(request, directory, request->name, mode, &error_number);
    else if (place_refuses_change(request, directory))
        error_number = place_refuses_change(request, directory);
    return reply_new(request, node, error_number);
}

/* `other_name` is the target. */
bool symlink_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    int error_number;
    pthread_mutex_lock(&nodes->lock);
    struct place directory = node_place(nodes, request->id);
    struct node *node = NULL;
    error_number = place_refuses_change(request, directory);
    if (!error_number && directory.node->kind == NODE_ROSTER)
        error_number = EPERM;
    if (!error_number)
        node = scratch_new(request, directory, request->name, S_IFLNK | 0777, &error_number);
    if (node && !buf_puts(&local_of(node)->text, request->other_name)) {
        local_remove(request->fs, node);
        node = NULL;
        error_number = ENOSPC;
    }
    return reply_new(request, node, error_number);
}

/* A scratch file with what an attribute or a scratch file shows. */
static struct node *copy(struct request *request, struct place from, const char *name,
                         int *error_number)
{
    struct filesystem *fs = request->fs;
    cleanup_buf struct buf text;
    buf_init(&text, TEXT_CEILING);
    struct stat as;
    struct place directory = {from.node, MEMBER_SELF};
    if (from.node->kind == NODE_LOCAL || from.node->kind == NODE_ROLE)
        directory.node = from.node->parent;
    *error_number = EIO;
    if (!place_stat(fs, from, &text, &as))
        return NULL;
    buf_clear(&text);
    if (!place_render(fs, from, &text))
        return NULL;
    struct node *node =
        scratch_new(request, directory, name, S_IFREG | (as.st_mode & 07777), error_number);
    if (!node)
        return NULL;
    struct local *local = local_of(node);
    *error_number = scratch_resize(node, text.size);
    if (*error_number) {
        local_remove(fs, node);
        return NULL;
    }
    if (text.size > 0)
        memcpy(local->text.data, text.data, text.size);
    local->modified = as.st_mtim;
    local->copy_of = from.node->kind == NODE_LOCAL ? 0 : from.member;
    if (from.node->kind == NODE_LOCAL)
        local->failure = local_of(from.node)->failure;
    return node;
}

static int refuse_link(struct request *request, const struct node *file, struct place directory,
                       const char *name)
{
    size_t files, bytes;
    const struct member *member = member_by_name(NODE_REGISTRY, name);
    int error_number = refuse_creation(request, directory, name);
    if (directory.node->kind == NODE_ROSTER && (!error_number || error_number == EEXIST))
        return EPERM;
    /* An attribute has one name. */
    if (error_number == EEXIST && member && room_hides((struct place){directory.node, member->id}))
        return EPERM;
    if (error_number)
        return error_number;
    if (!is_scratch(file))
        return file->gone ? ENOENT : EPERM;
    if (file->parent != directory.node)
        return EXDEV;
    local_use(local_of(file));
    scratch_expire(request->fs, directory.node);
    measure(directory.node, &files, &bytes);
    return files < MOST_FILES ? 0 : ENOSPC;
}

bool link_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    pthread_mutex_lock(&fs->nodes.lock);
    struct node *file = node_place(&fs->nodes, request->other_id).node;
    struct place directory = node_place(&fs->nodes, request->id);
    int error_number = refuse_link(request, file, directory, request->name);
    if (!error_number && !local_link(fs, file, request->name))
        error_number = ENOMEM;
    if (!error_number)
        dropped_in_note(fs, "link",
                        node_find(&fs->nodes, directory.node, MEMBER_SELF, request->name));
    return reply_new(request, error_number ? NULL : file, error_number);
}

/* --- unlink --- */

static int refuse_removal(struct request *request, struct place directory, const char *name)
{
    struct filesystem *fs = request->fs;
    int error_number = place_refuses_change(request, directory);
    if (error_number)
        return error_number;
    if (directory.node->kind != NODE_REGISTRY)
        return EPERM;
    const struct member *member = member_by_name(NODE_REGISTRY, name);
    struct place place = {directory.node, member ? member->id : MEMBER_SELF};
    if (member)
        return room_hides(place) ? ENOENT : place_refuses_change(request, place);
    return node_find(&fs->nodes, directory.node, MEMBER_SELF, name) ? 0 : ENOENT;
}

/* Removing an attribute hides it for a moment: programs do it on their way to writing it anew. */
static int remove_name(struct request *request, struct place directory, const char *name)
{
    struct filesystem *fs = request->fs;
    int error_number = refuse_removal(request, directory, name);
    if (error_number)
        return error_number;
    const struct member *member = member_by_name(NODE_REGISTRY, name);
    if (member)
        return room_hide(fs, (struct place){directory.node, member->id}) ? 0 : ENOMEM;
    local_remove(fs, node_find(&fs->nodes, directory.node, MEMBER_SELF, name));
    return 0;
}

/* Done or refused: a recursive deleter removes what it finds before the registry (callers.h). */
static void note_removal(struct place directory, const char *name, struct caller caller)
{
    struct node *registry = node_ancestor(directory.node, NODE_REGISTRY);
    bool attribute = registry == directory.node && member_by_name(NODE_REGISTRY, name);
    if (registry)
        caller_note(registry, caller, DEED_REMOVAL, attribute ? name : NULL);
}

bool unlink_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct caller caller = caller_of_request(request);
    pthread_mutex_lock(&nodes->lock);
    struct place directory = node_place(nodes, request->id);
    enum readiness readiness = READY;
    int error_number;
    if (directory.node->kind == NODE_ROSTER) {
        readiness = roster_unlink(request, directory, caller, &error_number);
    } else {
        note_removal(directory, request->name, caller);
        error_number = remove_name(request, directory, request->name);
        readiness = error_number ? FAILED : READY;
    }
    pthread_mutex_unlock(&nodes->lock);
    if (readiness != WAITING)
        fuse_reply_err(request->fuse, readiness == READY ? 0 : error_number);
    return readiness != WAITING;
}

/* --- rename --- */

static size_t shown_size(struct filesystem *fs, struct place place)
{
    struct stat as;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    return place_stat(fs, place, &scratch, &as) ? (size_t)as.st_size : SIZE_MAX;
}

/* An attribute under a scratch name: a copy, and the attribute hidden for a moment. */
static int move_attribute_away(struct request *request, struct place attribute, const char *name)
{
    struct filesystem *fs = request->fs;
    int error_number = place_refuses_change(request, attribute);
    if (error_number)
        return error_number;
    struct node *directory =
        attribute.node->kind == NODE_ROLE ? attribute.node->parent : attribute.node;
    struct node *old = node_find(&fs->nodes, directory, MEMBER_SELF, name);
    if (old && !fits(old, shown_size(fs, attribute)))
        return ENOSPC; /* what is there stays */
    if (old)
        local_remove(fs, old);
    if (!copy(request, attribute, name, &error_number))
        return error_number;
    return room_hide(fs, attribute) ? 0 : ENOMEM;
}

/* Whether a backup that nobody has touched is put back after an edit that came to nothing. */
static bool is_restored(struct place attribute, const struct local *local)
{
    return local->copy_of && local->copy_of == attribute.member &&
           room_base(attribute, local->base, local->base_saves) == local->base;
}

/* A scratch file over an attribute: its text is saved. */
static enum readiness move_over_attribute(struct request *request, struct place attribute,
                                          struct node *source, int *error_number)
{
    struct filesystem *fs = request->fs;
    *error_number = place_refuses_change(request, attribute);
    if (!*error_number && !S_ISREG(local_of(source)->mode))
        *error_number = EPERM;
    if (!*error_number)
        *error_number = local_of(source)->failure;
    if (*error_number)
        return FAILED;
    enum readiness readiness = READY;
    bool restored = !request->change && is_restored(attribute, local_of(source));
    if (!restored)
        readiness = save_text(request, attribute, source, error_number);
    const struct nodes *nodes = &fs->nodes;
    struct node *left = node_find(nodes, source->parent, MEMBER_SELF, request->name);
    if (readiness == READY && attribute.node->kind == NODE_ROLE) {
        if (left && left->kind == NODE_LOCAL)
            local_remove(fs, left);
        room_unhide(attribute);
        return READY;
    }
    if (readiness == READY && left && local_file(left) == local_file(source)) {
        /* It was equal: nothing was sent. */
        save_become(fs, local_file(source), request->name, attribute,
                    restored ? local_of(source)->base : attribute.node->object);
        room_unhide(attribute);
    }
    return readiness;
}

/* The two names of a rename within one registry's directory. */
struct names {
    struct place from, to;          /* the attributes of these names; MEMBER_SELF: none */
    struct node *old_file, *target; /* the scratch files of these names, or NULL */
};

static struct names find_names(const struct request *request, struct node *registry)
{
    const struct nodes *nodes = &request->fs->nodes;
    const struct member *from = member_by_name(NODE_REGISTRY, request->name);
    const struct member *to = member_by_name(NODE_REGISTRY, request->other_name);
    return (struct names){
        .from = {registry, from ? from->id : MEMBER_SELF},
        .to = {registry, to ? to->id : MEMBER_SELF},
        .old_file = request->change ? request->change->source
                                    : node_find(nodes, registry, MEMBER_SELF, request->name),
        .target = node_find(nodes, registry, MEMBER_SELF, request->other_name),
    };
}

static int refuse_rename(const struct request *request, const struct names *names)
{
    bool is_attribute = names->from.member != MEMBER_SELF;
    bool over_attribute = names->to.member != MEMBER_SELF;
    if (is_attribute ? room_hides(names->from) : !names->old_file)
        return ENOENT;
    if (strlen(request->other_name) > NAME_LIMIT)
        return ENAMETOOLONG;
    bool taken = names->target || (over_attribute && !room_hides(names->to));
    if ((request->flags & RENAME_NOREPLACE) && !request->change && taken)
        return EEXIST;
    return is_attribute && over_attribute ? EPERM : 0;
}

static enum readiness rename_in_registry(struct request *request, struct node *registry,
                                         int *error_number)
{
    struct filesystem *fs = request->fs;
    struct names names = find_names(request, registry);
    *error_number = refuse_rename(request, &names);
    if (*error_number)
        return FAILED;
    if (names.to.member)
        return move_over_attribute(request, names.to, names.old_file, error_number);
    if (names.from.member) {
        *error_number = move_attribute_away(request, names.from, request->other_name);
        return *error_number ? FAILED : READY;
    }
    if (local_file(names.target) == local_file(names.old_file))
        return READY; /* rename(2): two names of one file stay */
    if (names.target)
        local_remove(fs, names.target);
    local_use(local_of(names.old_file));
    *error_number = ENOMEM;
    bool noted = !name_is_leftover(request->name);
    if (!node_rename(&fs->nodes, names.old_file, request->other_name))
        return FAILED;
    if (!noted)
        dropped_in_note(fs, "rename", names.old_file);
    return READY;
}

/* The one that the name stands for, as far as it can be renamed: not while it looks absent. */
static struct node *find_in_roster(const struct filesystem *fs, const struct node *roster,
                                   const char *name)
{
    struct node *node = node_find(&fs->nodes, roster, MEMBER_SELF, name);
    return node && !room_hides((struct place){node, MEMBER_SELF}) ? node : NULL;
}

static int refuses_to_replace(const struct request *request, const struct node *roster)
{
    bool keeps = request->flags & RENAME_NOREPLACE;
    return keeps && find_in_roster(request->fs, roster, request->other_name) ? EEXIST : 0;
}

static enum readiness rename_scratch(struct request *request, struct node *from, struct node *to,
                                     int *error_number)
{
    if (to)
        local_remove(request->fs, to);
    local_use(local_of(from));
    *error_number = ENOMEM;
    return node_rename(&request->fs->nodes, from, request->other_name) ? READY : FAILED;
}

/* Members keep their names; what editors do on their way to writing one is as in a registry. */
static enum readiness rename_in_roster(struct request *request, struct node *roster,
                                       int *error_number)
{
    struct filesystem *fs = request->fs;
    struct node *from =
        request->change ? request->change->source : find_in_roster(fs, roster, request->name);
    struct node *to = node_find(&fs->nodes, roster, MEMBER_SELF, request->other_name);
    *error_number = from ? 0 : ENOENT;
    if (from && !request->change)
        *error_number = refuses_to_replace(request, roster);
    if (*error_number)
        return FAILED;
    if (from == to)
        return READY;
    if (from->kind == NODE_LOCAL && to && to->kind == NODE_ROLE)
        return move_over_attribute(request, (struct place){to, MEMBER_SELF}, from, error_number);
    *error_number = EPERM;
    if ((to && to->kind == NODE_ROLE) || !roster_is_temporary(request->other_name, true))
        return FAILED;
    if (from->kind == NODE_ROLE) {
        *error_number =
            move_attribute_away(request, (struct place){from, MEMBER_SELF}, request->other_name);
        return *error_number ? FAILED : READY;
    }
    return rename_scratch(request, from, to, error_number);
}

static enum readiness rename_any(struct request *request, int *error_number)
{
    struct filesystem *fs = request->fs;
    struct place from = node_place(&fs->nodes, request->id);
    struct place to = node_place(&fs->nodes, request->other_id);
    *error_number = place_refuses_change(request, from);
    if (!*error_number)
        *error_number = place_refuses_change(request, to);
    if (!*error_number && (request->flags & ~(unsigned)RENAME_NOREPLACE))
        *error_number = EINVAL;
    if (*error_number)
        return FAILED;
    enum readiness readiness = FAILED;
    *error_number = from.node->kind == to.node->kind ? EXDEV : EPERM;
    if (from.node->kind == NODE_ORGANIZATION)
        readiness = registry_rename(request, from, to, error_number);
    else if (from.node == to.node && from.node->kind == NODE_ROSTER)
        readiness = rename_in_roster(request, from.node, error_number);
    else if (from.node == to.node && from.node->kind == NODE_REGISTRY)
        readiness = rename_in_registry(request, from.node, error_number);
    /* mv takes EINVAL for "into itself". */
    if (readiness == FAILED && *error_number == EINVAL)
        *error_number = from.node->kind == NODE_ORGANIZATION ? EPERM : EIO;
    return readiness;
}

bool rename_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    int error_number = 0;
    if (former_names_exist(&request->fs->former_names))
        request->process = caller_process(fuse_req_ctx(request->fuse)->pid);
    pthread_mutex_lock(&nodes->lock);
    enum readiness readiness = rename_any(request, &error_number);
    pthread_mutex_unlock(&nodes->lock);
    if (readiness == FAILED && error_number == EPERM)
        registry_note_refused_move(request);
    if (readiness != WAITING)
        fuse_reply_err(request->fuse, readiness == READY ? 0 : error_number);
    return readiness != WAITING;
}
