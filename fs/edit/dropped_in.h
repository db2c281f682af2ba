/* SPDX-License-Identifier: MIT */
/*
 * Files that people put into a registry's directory: scratch files that are no
 * editor's leftovers. They live in memory only, so what is in them is written
 * below the state directory, as unsaved texts are (unsaved.h), before they go:
 * after an hour without use, with their registry, at the end of the mount.
 */
#ifndef FS_DROPPED_IN_H
#define FS_DROPPED_IN_H

#include "inode/filesystem.h"

/* All but the last need nodes->lock; what they let go, unsaved_spill() writes. */

/* Whether the name, of a scratch file, has what must not be lost. */
bool dropped_in_has_text(const struct node *name);
/* Says in `errors` that such a file is not saved by being there, if it is none that editors make.
 */
void dropped_in_note(struct filesystem *fs, const char *operation, struct node *name);
/* Lets its text go. False: no memory, the file must stay. */
bool dropped_in_leave(struct filesystem *fs, const struct node *name);
/* Its last handle may have been closed: nobody comes to it any more in a registry that is gone. */
void dropped_in_closed(struct filesystem *fs, const struct node *name);
/* All of the mount. */
void dropped_in_leave_all(struct filesystem *fs);
/* After each answer of the server: a registry that it shows to be gone takes no text with it, but
 * for files that are open. Has the texts written soon; no lock held. */
void dropped_in_keep_removed(struct filesystem *fs);

#endif
