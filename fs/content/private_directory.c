/* SPDX-License-Identifier: MIT */
#include "private_directory.h"

#include "base/banned.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

enum { ENTRY_SIZE = 16 * 1024 };

/* A group of the owner's name that has no other member; or, where neither is known by name, one of
 * the same number. */
static bool is_own_group(uid_t owner, gid_t group)
{
    char user_space[ENTRY_SIZE], group_space[ENTRY_SIZE];
    struct passwd user, *known_user = NULL;
    struct group entry, *known_group = NULL;
    if (getpwuid_r(owner, &user, user_space, sizeof user_space, &known_user) != 0 ||
        getgrgid_r(group, &entry, group_space, sizeof group_space, &known_group) != 0)
        return false;
    if (!known_user || !known_group)
        return !known_user && !known_group && owner == group;
    if (user.pw_gid != group || strcmp(user.pw_name, entry.gr_name) != 0)
        return false;
    for (char **member = entry.gr_mem; member && *member; member++) {
        if (strcmp(*member, user.pw_name) != 0)
            return false;
    }
    return true;
}

static bool others_may_write(const struct stat *status)
{
    return (status->st_mode & S_IWOTH) ||
           ((status->st_mode & S_IWGRP) && !is_own_group(status->st_uid, status->st_gid));
}

static bool is_owner_trusted(const struct stat *status)
{
    return status->st_uid == geteuid() || status->st_uid == 0;
}

bool is_private(const struct stat *status)
{
    return is_owner_trusted(status) && !others_may_write(status);
}

bool private_directory_make(const char *path)
{
    struct stat status;
    if (mkdir(path, 0700) != 0 && errno != EEXIST && access(path, X_OK) != 0)
        return false;
    /* A link of somebody else could lead elsewhere tomorrow. */
    if (lstat(path, &status) != 0)
        return false;
    if (S_ISLNK(status.st_mode) && !is_owner_trusted(&status)) {
        errno = EPERM;
        return false;
    }
    if (stat(path, &status) != 0)
        return false;
    if (S_ISDIR(status.st_mode) && is_private(&status))
        return true;
    errno = S_ISDIR(status.st_mode) ? EPERM : ENOTDIR;
    return false;
}

void private_explain(const struct stat *status, char *words, size_t size)
{
    if (!is_owner_trusted(status))
        snprintf(words, size, "belongs to user %u", (unsigned)status->st_uid);
    else if (status->st_mode & S_IWOTH)
        snprintf(words, size, "can be written by everybody (mode %04o)", status->st_mode & 07777);
    else
        snprintf(words, size, "can be written by group %u (mode %04o)", (unsigned)status->st_gid,
                 status->st_mode & 07777);
}
