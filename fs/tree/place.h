/* SPDX-License-Identifier: MIT */
/* What the kernel is told of a place, and who may do what there. Needs nodes->lock. */
#ifndef FS_PLACE_H
#define FS_PLACE_H

#include "inode/filesystem.h"
#include "ready.h"
#include "stat.h"

/* The control directory (design 2): found in the mount's root, never listed. */
#define NAME_OF_CONTROL ".registryfs"

/* The name that an entry is shown by: its own, but in the mount's root an object that is named like
 * the control directory gets an escaped dot. */
const char *place_shown_name(const struct filesystem *fs, struct place directory, const char *name);

/* Whether an entry of the member table looks absent at present. */
bool place_is_hidden(const struct filesystem *fs, struct place place);

/* The place of a name in a directory. */
enum readiness place_find(struct request *request, struct place directory, const char *name,
                          struct place *found, int *error_number);

/* Whether it is found under a name that is not the registry's any more (former_name.h). */
bool place_has_other_name(struct place place, const char *name);

/* Attributes and for how long the kernel may keep them. Takes no lookup. False: no memory. */
bool place_entry(struct filesystem *fs, struct place place, struct buf *scratch,
                 struct fuse_entry_param *entry);

/* What a change to the place, or to the entries of a directory, is refused with: EROFS in the
 * read-only trees, EACCES for fixed attributes and for whom the modes keep out, EPERM elsewhere; 0:
 * it is allowed. */
int place_refuses_change(const struct request *request, struct place place);

/* EACCES where the modes keep the caller from what access(2) calls `mask`, else 0. */
int place_refuses_look(const struct request *request, struct place place, int mask);

/* Forgets what is cached of the place and below it, here, and the attributes in the kernel. */
void place_forget(struct filesystem *fs, struct place place);
/* Notes that the kernel is told that a name is missing in the directory. Needs nodes->lock. */
void place_note_missing(struct filesystem *fs, struct place directory);
/* Has the kernel ask for the names again, too. It waits for who works in these directories just
 * now, so only what was queued before is there soon. */
void place_forget_names(struct filesystem *fs, struct place place);

#endif
