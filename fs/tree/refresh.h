/* SPDX-License-Identifier: MIT */
/* The calls that read a directory or one entry of it from the server into the inode table. */
#ifndef FS_REFRESH_H
#define FS_REFRESH_H

#include "inode/node.h"
#include "wait/fetch.h"

/* Everything in a directory: need.node and need.member. need.subject: the listing that is to grow,
 * or NULL. */
extern const struct fetch_type refresh_listing;
/* One entry of it by its file name: need.name as well. */
extern const struct fetch_type refresh_entry;

/* Whether a reader of a listing that grows is about to come to the end of what is there. Needs
 * nodes->lock. */
bool refresh_is_wanted(const struct listing *listing);

/* Ends a call that failed: tells of it, and remembers it, so that what was read before is not asked
 * for again and again. -1. */
int refresh_failed(struct fetch *fetch, const char *path);

/* Installs a version's files, all of them, that came with another answer, unless they are there or
 * names occur twice: that is told when the files are listed. Needs nodes->lock; orders the list. */
void refresh_install_files(struct filesystem *fs, struct node *version, struct object_list *files,
                           int64_t fetched);

#endif
