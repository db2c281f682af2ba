/* SPDX-License-Identifier: MIT */
/*
 * Holds everybody but the mounter and root to the modes that `stat` shows. Not
 * left to the kernel (default_permissions): its checks come before ours and
 * would answer the mounter, too, with other errnos than a read-only tree and
 * attributes have. Needs nodes->lock.
 */
#ifndef FS_ACCESS_H
#define FS_ACCESS_H

#include "inode/filesystem.h"

struct request;

/* Whether the modes keep the caller from what access(2) calls `mask`. */
bool access_is_refused(const struct request *request, struct place place, int mask);
/* Whether the caller may set what only an owner may: mode, owner, any time. */
bool access_is_owner(const struct request *request, struct place place);

/* Whether the kernel must ask for each name in the directory anew: what it keeps it shows to those,
 * too, who may not search there. */
bool access_asks_each_time(const struct filesystem *fs, struct place directory);

#endif
