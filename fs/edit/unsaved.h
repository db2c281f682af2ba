/* SPDX-License-Identifier: MIT */
/*
 * Texts that could not be saved: `.registryfs/unsaved/ORG/REGISTRY/ATTRIBUTE`,
 * older ones beside it as ATTRIBUTE~2, ATTRIBUTE~3. Kept until the server has
 * accepted a save of that attribute or the mount ends (design 3); where there
 * is no room for all, the oldest go to the state directory first.
 */
#ifndef FS_UNSAVED_H
#define FS_UNSAVED_H

#include "inode/filesystem.h"

enum keeping {
    KEPT,
    KEPT_FOR_ANOTHER, /* an older one has to leave: unsaved_spill() */
    NOT_KEPT,         /* no memory */
};

/* Need nodes->lock. `place` is an attribute of a registry. */

/* The newest from now on. Nothing is an empty text beside others. */
enum keeping unsaved_keep(struct filesystem *fs, struct place place, const char *text, size_t size);
/* All texts of the attribute. */
void unsaved_drop(struct filesystem *fs, struct place place);
/* Takes the text for unsaved_spill() to write to `path` below the state directory, and leaves none.
 * False: no memory, it stays. */
bool unsaved_leave(struct filesystem *fs, const char *path, struct buf *text);
/* The registry is called otherwise from now on; call before its node is renamed. */
void unsaved_follow_rename(struct filesystem *fs, const struct node *registry,
                           const char *new_name);

/* Writes what has to leave to the state directory; what cannot be written stays in memory. Blocks;
 * no lock held. */
void unsaved_spill(struct filesystem *fs);
/* The same by another thread, where something has to leave. No lock held. */
void unsaved_spill_soon(struct filesystem *fs);
/* Writes what is left below $XDG_STATE_HOME/registryfs/unsaved/; the log says where. At the end of
 * the mount. */
void unsaved_write_out(struct filesystem *fs);

#endif
