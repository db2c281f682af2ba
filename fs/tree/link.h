/* SPDX-License-Identifier: MIT */
/*
 * Where links lead. A version in the versions/ of a registry lies in one of its collections, which
 * another listing shows or passes over: the link is there only while its collection is. All
 * functions need nodes->lock and never wait.
 */
#ifndef FS_LINK_H
#define FS_LINK_H

#include "inode/filesystem.h"
#include "inode/node.h"
#include "text/name.h"

/* The directory whose entries the links of that one lead into; its node is NULL when no other
 * listing has a say. */
struct place link_holders(struct place directory);
/* The file name there of what a link of such a directory leads into. */
void link_holder_name(const void *object, char name[NAME_LIMIT + 1]);

/* Whether what an entry for `object` would lead into is known to be there. */
bool link_leads_somewhere(struct filesystem *fs, struct place directory, const void *object);
/* As of when the node is known: itself, and what it leads into when it is such a link. */
int64_t link_fetched(struct filesystem *fs, const struct node *node);

/* Removes the links into that directory that lead nowhere any more: its entries have changed. */
void link_cut(struct filesystem *fs, struct place holders);

#endif
