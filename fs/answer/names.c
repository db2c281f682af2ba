/* SPDX-License-Identifier: MIT */
#include "names.h"

#include "base/clock.h"
#include "content.h"
#include "files.h"
#include "report/options.h"
#include "tree/access.h"
#include "tree/directory.h"
#include "tree/local.h"
#include "tree/member.h"
#include "tree/place.h"
#include "tree/query_follow.h"
#include "tree/ready.h"
#include "tree/room.h"
#include "tree/walk.h"
#include "wait/callers.h"

#include <errno.h>
#include <unistd.h>

static bool reply_error(struct request *request, int error_number)
{
    fuse_reply_err(request->fuse, error_number);
    return true;
}

/* Names come and go in a directory that editors work in: there the kernel asks each time. */
static bool reply_not_there(struct request *request, bool ask_again)
{
    struct fuse_entry_param nothing = {.entry_timeout =
                                           ask_again ? 0 : request->fs->options->negative_ttl};
    if (request->failure.kind != ERROR_NONE && request->failure.kind != ERROR_NOT_FOUND)
        return reply_error(request, ENOENT);
    fuse_reply_entry(request->fuse, &nothing);
    return true;
}

static void note_found(struct request *request, struct place place, struct fuse_entry_param *entry)
{
    if (place_has_other_name(place, request->name))
        entry->entry_timeout = 0;
    node_add_lookup(&request->fs->nodes, place.node);
    walk_note_lookup(request, place);
}

/* As far as it matters to former names. */
static void note_caller(struct request *request)
{
    pid_t thread = fuse_req_ctx(request->fuse)->pid;
    enum caller_call call = caller_call(thread);
    request->process = call == CALL_MAKES_DIRECTORY ? 0 : caller_process(thread);
    request->only_looks = call == CALL_USES_NAMES;
}

bool lookup_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    struct fuse_entry_param entry;
    struct place place;
    int error_number = ENOMEM;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    if (former_names_exist(&fs->former_names))
        note_caller(request);
    pthread_mutex_lock(&fs->nodes.lock);
    nodes_trim(&fs->nodes);
    struct place directory = node_place(&fs->nodes, request->id);
    enum readiness readiness = FAILED;
    bool ask_again = local_is_directory(directory) || access_asks_each_time(fs, directory) ||
                     former_name_counts(&fs->former_names, &fs->nodes, directory, request->name,
                                        clock_nanoseconds());
    error_number = place_refuses_look(request, directory, X_OK);
    if (!error_number)
        readiness = place_find(request, directory, request->name, &place, &error_number);
    if (readiness == READY && !place_entry(fs, place, &scratch, &entry)) {
        readiness = FAILED;
        error_number = EIO;
    }
    if (readiness == READY) {
        note_found(request, place, &entry);
    } else if (readiness == FAILED && error_number == ENOENT && !ask_again) {
        place_note_missing(fs, directory);
    }
    pthread_mutex_unlock(&fs->nodes.lock);
    if (readiness == WAITING)
        return false;
    if (readiness == FAILED)
        return error_number == ENOENT ? reply_not_there(request, ask_again)
                                      : reply_error(request, error_number);
    if (fuse_reply_entry(request->fuse, &entry) != 0) {
        pthread_mutex_lock(&fs->nodes.lock);
        node_forget(&fs->nodes, place.node, 1);
        pthread_mutex_unlock(&fs->nodes.lock);
    }
    return true;
}

bool getattr_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    struct fuse_entry_param entry;
    int error_number = EIO;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    pthread_mutex_lock(&fs->nodes.lock);
    struct place place = node_place(&fs->nodes, request->id);
    enum readiness readiness = ready_object(request, place.node, &error_number);
    if (readiness == READY && !place_entry(fs, place, &scratch, &entry)) {
        readiness = FAILED;
        error_number = EIO;
    }
    if (readiness == READY && open_file_show_size(request, &entry.attr))
        entry.attr_timeout = 0;
    pthread_mutex_unlock(&fs->nodes.lock);
    if (readiness == READY)
        fuse_reply_attr(request->fuse, &entry.attr, entry.attr_timeout);
    else if (readiness == FAILED)
        reply_error(request, error_number);
    return readiness != WAITING;
}

bool readlink_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    int error_number = EINVAL;
    enum readiness readiness = FAILED;
    cleanup_buf struct buf target;
    buf_init(&target, TEXT_CEILING);
    pthread_mutex_lock(&fs->nodes.lock);
    struct place place = node_place(&fs->nodes, request->id);
    if (S_ISLNK(place_mode(fs, place)))
        readiness = ready_object(request, place.node, &error_number);
    bool local = place.node->kind == NODE_LOCAL;
    if (readiness == READY &&
        !(local ? place_render(fs, place, &target) : directory_link_target(place.node, &target))) {
        readiness = FAILED;
        error_number = EIO;
    }
    if (readiness == READY && node_is_query(place.node->parent))
        query_link_followed(fs, place.node);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (readiness == READY)
        fuse_reply_readlink(request->fuse, target.data ? target.data : "");
    else if (readiness == FAILED)
        reply_error(request, error_number);
    return readiness != WAITING;
}

bool access_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    unsigned mask = request->flags;
    pthread_mutex_lock(&fs->nodes.lock);
    struct place place = node_place(&fs->nodes, request->id);
    mode_t mode = place_mode(fs, place);
    int error_number = place.node->gone && place.node->kind != NODE_LOCAL
                           ? ESTALE
                           : place_refuses_look(request, place, (int)mask);
    if (!error_number && (mask & W_OK) && !S_ISLNK(mode))
        error_number = place_refuses_change(request, place);
    if (!error_number && (mask & X_OK) && S_ISREG(mode) && !(mode & 0111))
        error_number = EACCES;
    pthread_mutex_unlock(&fs->nodes.lock);
    return reply_error(request, error_number);
}

/* Replies a value, or its length when the caller asks for that. */
static bool reply_value(struct request *request, const struct buf *value)
{
    if (request->size == 0)
        fuse_reply_xattr(request->fuse, value->size);
    else if (value->size > request->size)
        fuse_reply_err(request->fuse, ERANGE);
    else
        fuse_reply_buf(request->fuse, value->data, value->size);
    return true;
}

/* The original name of a place's own directory; false when it has none. */
static bool original_name(struct request *request, struct buf *value)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    struct place place = node_place(nodes, request->id);
    bool found = place.member == MEMBER_SELF && directory_original_name(place.node, value);
    pthread_mutex_unlock(&nodes->lock);
    return found;
}

/* What the server said when the attribute could not be saved; false when it could. */
static bool save_error(struct request *request, struct buf *value)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    const struct attribute *attribute =
        room_find_attribute(place_behind(node_place(nodes, request->id)));
    bool found = attribute && attribute->error && buf_puts(value, attribute->error);
    pthread_mutex_unlock(&nodes->lock);
    return found;
}

/* Where a reference points; false for stored files. */
static bool reference(struct request *request, struct buf *value)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    const struct node *node = node_place(nodes, request->id).node;
    const struct artifact_file *file = node->kind == NODE_FILE ? node->object : NULL;
    bool found = file && file->reference.bytes &&
                 buf_append(value, file->reference.bytes, file->reference.size);
    pthread_mutex_unlock(&nodes->lock);
    return found;
}

/* The original name where the file's own does not say it: what is listed travels with each copy. */
static bool escaped_name(struct request *request, struct buf *value)
{
    struct nodes *nodes = &request->fs->nodes;
    if (!original_name(request, value))
        return false;
    pthread_mutex_lock(&nodes->lock);
    const char *name = node_place(nodes, request->id).node->name;
    bool differs =
        !name || strlen(name) != value->size || memcmp(name, value->data, value->size) != 0;
    pthread_mutex_unlock(&nodes->lock);
    return differs;
}

/* The web page of a place's own directory; false when it has none. */
static bool address(struct request *request, struct buf *value)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    struct place place = node_place(nodes, request->id);
    const struct member *member = member_by_name(place.node->kind, "url");
    bool found = place.member == MEMBER_SELF && member && place.node->object &&
                 member->render(request->fs, member, place.node->object, value) && value->size > 0;
    pthread_mutex_unlock(&nodes->lock);
    if (found)
        value->size--; /* the end of the line */
    return found;
}

static bool listed_address(struct request *request, struct buf *value)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    bool version = node_place(nodes, request->id).node->kind == NODE_VERSION;
    pthread_mutex_unlock(&nodes->lock);
    return version && address(request, value);
}

static const struct {
    const char *name;
    bool (*read)(struct request *request, struct buf *value);
    bool (*listed)(struct request *request, struct buf *value);
} extended_attributes[] = {
    {"user.registryfs.name", original_name, escaped_name},
    {"user.registryfs.ref", reference, reference},
    {"user.registryfs.error", save_error, save_error},
    {"user.registryfs.url", address, listed_address},
};

enum { EXTENDED_ATTRIBUTES = sizeof extended_attributes / sizeof extended_attributes[0] };

bool getxattr_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    int error_number = place_refuses_look(request, node_place(nodes, request->id), R_OK);
    pthread_mutex_unlock(&nodes->lock);
    if (error_number)
        return reply_error(request, error_number);
    cleanup_buf struct buf value;
    buf_init(&value, TEXT_CEILING);
    for (int i = 0; i < EXTENDED_ATTRIBUTES; i++) {
        if (strcmp(request->name, extended_attributes[i].name) == 0 &&
            extended_attributes[i].read(request, &value))
            return reply_value(request, &value);
    }
    /* acl(5): where there are no access control lists, getting one says so, as setting one does. */
    bool list = strncmp(request->name, "system.posix_acl_", strlen("system.posix_acl_")) == 0;
    return reply_error(request, list ? EOPNOTSUPP : ENODATA);
}

static bool is_symlink(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    bool symlink = S_ISLNK(place_mode(request->fs, node_place(nodes, request->id)));
    pthread_mutex_unlock(&nodes->lock);
    return symlink;
}

bool listxattr_body(struct request *request)
{
    cleanup_buf struct buf value, names;
    buf_init(&value, TEXT_CEILING);
    buf_init(&names, TEXT_CEILING);
    /* xattr(7): nobody can read user attributes of symbolic links; tools fail over listed ones. */
    bool readable = !is_symlink(request);
    for (int i = 0; readable && i < EXTENDED_ATTRIBUTES; i++) {
        const char *name = extended_attributes[i].name;
        buf_clear(&value);
        if (extended_attributes[i].listed(request, &value))
            buf_append(&names, name, strlen(name) + 1);
    }
    return reply_value(request, &names);
}
