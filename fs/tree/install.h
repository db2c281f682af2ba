/* SPDX-License-Identifier: MIT */
/* Puts what the server has answered into the tree. Needs nodes->lock. */
#ifndef FS_INSTALL_H
#define FS_INSTALL_H

#include "inode/filesystem.h"
#include "inode/listing.h"

/* Puts a listing in place of an older one and lets the entries' nodes follow: what is not in it
 * any more is removed. Takes over the reference. */
void install_listing(struct filesystem *fs, struct place place, struct listing *listing);
/* Puts one object in place that the server was asked for at `fetched`. NULL: no memory. */
struct node *install_object(struct filesystem *fs, struct place place, const char *name,
                            const void *object, int64_t fetched);

#endif
