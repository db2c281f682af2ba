/* SPDX-License-Identifier: MIT */
#include "attributes.h"

#include "directory.h"
#include "options.h"
#include "place.h"
#include "query_result.h"
#include "ready.h"

#include <errno.h>
#include <unistd.h>

#define XATTR_NAME "user.registryfs.name"

static bool reply_error(struct request *request, int error_number)
{
    fuse_reply_err(request->fuse, error_number);
    return true;
}

static bool reply_not_there(struct request *request)
{
    struct fuse_entry_param nothing = {.entry_timeout = request->fs->options->negative_ttl};
    if (request->failure.kind != ERROR_NONE && request->failure.kind != ERROR_NOT_FOUND)
        return reply_error(request, ENOENT);
    fuse_reply_entry(request->fuse, &nothing);
    return true;
}

bool lookup_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    struct fuse_entry_param entry;
    struct place place;
    int error_number = ENOMEM;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    pthread_mutex_lock(&fs->nodes.lock);
    struct place directory = node_place(&fs->nodes, request->id);
    enum readiness readiness = FAILED;
    error_number = place_refuses_look(request, directory);
    if (!error_number)
        readiness = place_find(request, directory, request->name, &place, &error_number);
    if (readiness == READY && !place_entry(fs, place, &scratch, &entry)) {
        readiness = FAILED;
        error_number = EIO;
    }
    if (readiness == READY)
        node_add_lookup(&fs->nodes, place.node);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (readiness == WAITING)
        return false;
    if (readiness == FAILED)
        return error_number == ENOENT ? reply_not_there(request)
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
    pthread_mutex_unlock(&fs->nodes.lock);
    if (readiness == READY)
        fuse_reply_attr(request->fuse, &entry.attr, entry.attr_timeout);
    else if (readiness == FAILED)
        reply_error(request, error_number);
    return readiness != WAITING;
}

enum {
    SET_TIMES = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME,
};

/* Setting a directory's times is how a user says "ask the server again" (design 3). */
bool setattr_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    struct fuse_entry_param entry;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    pthread_mutex_lock(&fs->nodes.lock);
    struct place place = node_place(&fs->nodes, request->id);
    bool only_times = (request->flags & ~(unsigned)SET_TIMES) == 0;
    bool directory = S_ISDIR(place_mode(fs, place));
    int error_number = 0;
    if (directory && only_times) {
        error_number = fs->options->read_only ? EROFS : 0;
        if (!error_number)
            place_forget(fs, place);
    } else {
        error_number = place_refuses_change(request, place);
        if (!error_number && directory)
            error_number = EPERM;
    }
    if (!error_number && !place_entry(fs, place, &scratch, &entry))
        error_number = EIO;
    pthread_mutex_unlock(&fs->nodes.lock);
    if (error_number)
        return reply_error(request, error_number);
    fuse_reply_attr(request->fuse, &entry.attr, 0);
    return true;
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
    if (readiness == READY && !directory_link_target(place.node, &target)) {
        readiness = FAILED;
        error_number = EIO;
    }
    if (readiness == READY && node_is_query(place.node->parent))
        query_link_followed(fs, place.node);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (readiness == READY)
        fuse_reply_readlink(request->fuse, target.data);
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
    int error_number = place_refuses_look(request, place);
    if (!error_number && (mask & W_OK) && !S_ISLNK(mode))
        error_number = place_refuses_change(request, place);
    if (!error_number && (mask & X_OK) && S_ISREG(mode))
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

bool getxattr_body(struct request *request)
{
    cleanup_buf struct buf value;
    buf_init(&value, TEXT_CEILING);
    if (strcmp(request->name, XATTR_NAME) == 0 && original_name(request, &value))
        return reply_value(request, &value);
    return reply_error(request, ENODATA);
}

bool listxattr_body(struct request *request)
{
    cleanup_buf struct buf value;
    buf_init(&value, TEXT_CEILING);
    bool found = original_name(request, &value);
    buf_clear(&value);
    if (found)
        buf_append(&value, XATTR_NAME, sizeof XATTR_NAME);
    return reply_value(request, &value);
}
