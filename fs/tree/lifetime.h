/* SPDX-License-Identifier: MIT */
/* For how long the kernel may keep what it is told. Needs nodes->lock. */
#ifndef FS_LIFETIME_H
#define FS_LIFETIME_H

#include "inode/filesystem.h"

/* Seconds for which the kernel may keep a node's name and attributes; 0: ask again. */
double lifetime_left(struct filesystem *fs, const struct node *node);

#endif
