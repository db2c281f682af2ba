/* SPDX-License-Identifier: MIT */
#ifndef FS_QUERY_FOLLOW_H
#define FS_QUERY_FOLLOW_H

#include "inode/filesystem.h"

/* Somebody follows a symlink of a result: what it leads to need not be asked for again. Needs
 * nodes->lock. */
void query_link_followed(struct filesystem *fs, struct node *link);

#endif
