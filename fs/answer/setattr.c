/* SPDX-License-Identifier: MIT */
#include "setattr.h"

#include "edit/save.h"
#include "files.h"
#include "report/options.h"
#include "scratch.h"
#include "tree/access.h"
#include "tree/kernel_cache.h"
#include "tree/member.h"
#include "tree/place.h"
#include "write.h"

#include <errno.h>
#include <unistd.h>

enum {
    SET_TIMES = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME,
    SET_MODE = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_CTIME,
    SETTLE_MS = 500, /* for the kernel to have forgotten */
};

static bool has_draft(const struct request *request, struct place place)
{
    const struct member *member = member_of(place);
    return request->has_file && request->file.fh && member && member->editing;
}

/* Setting a directory's times is how a user says "ask the server again" (design 3). */
static bool is_touch(const struct request *request, struct place place)
{
    return S_ISDIR(place_mode(request->fs, place)) &&
           (request->flags & ~(unsigned)SET_TIMES) == 0 && !request->fs->options->read_only;
}

/* The attributes are gone from the kernel when touch ends, for whoever looks next. */
static void finish_touch(struct filesystem *fs, struct place place)
{
    kernel_cache_settle_attributes(fs->kernel_cache, SETTLE_MS);
    pthread_mutex_lock(&fs->nodes.lock);
    place_forget_names(fs, place);
    pthread_mutex_unlock(&fs->nodes.lock);
}

/* The mode of a registry is set by `mkdir -m`, which has said all when it made it. */
static enum readiness set_directory(struct request *request, struct place place, int *error_number)
{
    *error_number = request->fs->options->read_only ? EROFS : 0;
    if (*error_number)
        return FAILED;
    if (is_touch(request, place)) {
        place_forget(request->fs, place);
        return READY;
    }
    *error_number = place_refuses_change(request, place);
    if (!*error_number && place.node->kind == NODE_REGISTRY &&
        (request->flags & ~(unsigned)SET_MODE) == 0)
        return READY;
    if (!*error_number)
        *error_number = EPERM;
    return FAILED;
}

static enum readiness set_local(struct request *request, struct node *node, int *error_number)
{
    struct local *local = local_of(node);
    unsigned set = request->flags;
    *error_number = 0;
    if (set & FUSE_SET_ATTR_SIZE)
        *error_number = scratch_resize(node, (size_t)request->attributes.st_size);
    if (*error_number)
        return FAILED;
    if (set & FUSE_SET_ATTR_MODE)
        local->mode = (local->mode & S_IFMT) | (request->attributes.st_mode & 07777);
    if (set & FUSE_SET_ATTR_MTIME_NOW)
        clock_gettime(CLOCK_REALTIME, &local->modified);
    else if (set & FUSE_SET_ATTR_MTIME)
        local->modified = request->attributes.st_mtim;
    local_use(local);
    return READY;
}

/* A size by path and not by handle. Who has the file open sends it with what he writes; else nobody
 * will write more, and the empty text is saved now. */
static enum readiness set_size_of_path(struct request *request, struct place place,
                                       int *error_number)
{
    const struct member *member = member_of(place);
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    *error_number = EINVAL;
    if (!request->change && drafts_resize(request->fs, place, (size_t)request->attributes.st_size))
        return READY;
    if (request->attributes.st_size == 0)
        return member->editing->may_be_empty ? save_text(request, place, NULL, error_number)
                                             : READY;
    bool same = place_render(request->fs, place, &shown) &&
                request->attributes.st_size == (off_t)shown.size;
    return same ? READY : FAILED;
}

static enum readiness set_attribute(struct request *request, struct place place, int *error_number)
{
    *error_number = place_refuses_change(request, place);
    if (*error_number)
        return FAILED;
    if (!(request->flags & FUSE_SET_ATTR_SIZE))
        return READY; /* owner, mode and times are accepted and ignored */
    if (!has_draft(request, place))
        return set_size_of_path(request, place, error_number);
    *error_number = writefile_resize(request, (size_t)request->attributes.st_size);
    return *error_number ? FAILED : READY;
}

/* Times are set to now by whoever may write, all else that is no size by the owner. */
static int refuses_caller(const struct request *request, struct place place)
{
    unsigned set = request->flags;
    bool own_time = ((set & FUSE_SET_ATTR_ATIME) && !(set & FUSE_SET_ATTR_ATIME_NOW)) ||
                    ((set & FUSE_SET_ATTR_MTIME) && !(set & FUSE_SET_ATTR_MTIME_NOW));
    if (access_is_owner(request, place) || (set & FUSE_SET_ATTR_SIZE))
        return 0;
    if (own_time || (set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
        return EPERM;
    return place_refuses_look(request, place, W_OK);
}

static enum readiness set(struct request *request, struct place place, int *error_number)
{
    *error_number = refuses_caller(request, place);
    if (*error_number)
        return FAILED;
    if (S_ISDIR(place_mode(request->fs, place)))
        return set_directory(request, place, error_number);
    if (place.node->kind != NODE_LOCAL)
        return set_attribute(request, place, error_number);
    *error_number = place_refuses_change(request, place);
    return *error_number ? FAILED : set_local(request, place.node, error_number);
}

bool setattr_body(struct request *request)
{
    struct filesystem *fs = request->fs;
    struct fuse_entry_param entry;
    int error_number = EIO;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    pthread_mutex_lock(&fs->nodes.lock);
    struct place place = place_behind(node_place(&fs->nodes, request->id));
    enum readiness readiness = set(request, place, &error_number);
    if (readiness == READY && !place_entry(fs, place, &scratch, &entry)) {
        readiness = FAILED;
        error_number = EIO;
    }
    if (readiness == READY)
        open_file_show_size(request, &entry.attr);
    bool touched = readiness == READY && is_touch(request, place);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (touched)
        finish_touch(fs, place);
    if (readiness == FAILED)
        fuse_reply_err(request->fuse, error_number);
    else if (readiness == READY)
        fuse_reply_attr(request->fuse, &entry.attr, 0);
    return readiness != WAITING;
}
