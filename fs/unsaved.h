/* SPDX-License-Identifier: MIT */
/*
 * Texts that could not be saved: `.registryfs/unsaved/ORG/REGISTRY/ATTRIBUTE`,
 * kept until that attribute is next saved or the mount ends (design 3).
 */
#ifndef FS_UNSAVED_H
#define FS_UNSAVED_H

#include "filesystem.h"

/* Need nodes->lock. `place` is an attribute of a registry. */

/* False: no memory, or more than the ceiling of all texts together. */
bool unsaved_keep(struct filesystem *fs, struct place place, const char *text, size_t size);
void unsaved_drop(struct filesystem *fs, struct place place);
/* The registry is called otherwise from now on; call before its node is renamed. */
void unsaved_follow_rename(struct filesystem *fs, const struct node *registry,
                           const char *new_name);

/* Writes what is left below $XDG_STATE_HOME/registryfs/unsaved/; the log says where. At the end of
 * the mount. */
void unsaved_write_out(struct filesystem *fs);

#endif
