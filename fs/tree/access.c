/* SPDX-License-Identifier: MIT */
#include "access.h"

#include "report/options.h"
#include "stat.h"
#include "wait/request.h"

#include <unistd.h>

enum { MOST_GROUPS = 256, ALL_SEARCH = 0111 };

static bool is_control(struct place place)
{
    return node_ancestor(place.node, NODE_CONTROL) != NULL;
}

static bool is_exempt(const struct request *request)
{
    uid_t caller = fuse_req_ctx(request->fuse)->uid;
    return caller == 0 || caller == request->fs->options->mounter;
}

/* Reads /proc of the caller where its first group is another. */
static bool is_in_group(const struct request *request, gid_t group)
{
    gid_t groups[MOST_GROUPS];
    if (fuse_req_ctx(request->fuse)->gid == group)
        return true;
    int count = fuse_req_getgroups(request->fuse, MOST_GROUPS, groups);
    for (int i = 0; i < count && i < MOST_GROUPS; i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

bool access_is_owner(const struct request *request, struct place place)
{
    uid_t user;
    gid_t group;
    place_owner(request->fs, place, &user, &group);
    return is_exempt(request) || fuse_req_ctx(request->fuse)->uid == user;
}

/* The three bits that count for the caller. */
static mode_t bits_for(const struct request *request, struct place place, mode_t mode)
{
    uid_t user;
    gid_t group;
    place_owner(request->fs, place, &user, &group);
    if (fuse_req_ctx(request->fuse)->uid == user)
        return mode >> 6 & 7;
    bool differs = (mode >> 3 & 7) != (mode & 7);
    return differs && is_in_group(request, group) ? mode >> 3 & 7 : mode & 7;
}

bool access_is_refused(const struct request *request, struct place place, int mask)
{
    const struct options *options = request->fs->options;
    if (is_exempt(request))
        return false;
    if (options->no_default_permissions && !is_control(place))
        mask &= W_OK;
    place = place_behind(place);
    mode_t mode = place_mode(request->fs, place);
    return mask && !S_ISLNK(mode) &&
           ((mode_t)mask & ~bits_for(request, place, mode) & (R_OK | W_OK | X_OK));
}

bool access_asks_each_time(const struct filesystem *fs, struct place directory)
{
    const struct options *options = fs->options;
    if (!options->allow_other)
        return false;
    if (is_control(directory))
        return true;
    return !options->no_default_permissions && (options->umask & ALL_SEARCH);
}
