/* SPDX-License-Identifier: MIT */
/* What `ls -l` shows of a place: true sizes and the server's times (design 2). Needs nodes->lock.
 */
#ifndef FS_STAT_H
#define FS_STAT_H

#include "base/buf.h"
#include "inode/filesystem.h"

#include <sys/stat.h>

/* The attribute that a scratch file has become by a rename; any other place is itself. */
struct place place_behind(struct place place);

/* Who owns a place; the control directory belongs to the mounter alone. */
void place_owner(const struct filesystem *fs, struct place place, uid_t *user, gid_t *group);

/* The type and permissions of a place. */
mode_t place_mode(const struct filesystem *fs, struct place place);

/* Fills in everything; `scratch` is emptied and used to measure texts. False: no memory. */
bool place_stat(struct filesystem *fs, struct place place, struct buf *scratch, struct stat *out);

/* The text of an attribute file, appended. False: no memory, or over the buffer's ceiling. */
bool place_render(struct filesystem *fs, struct place place, struct buf *text);

/* "acme/model/description", for errors; cut to `size`. */
void place_path(struct place place, char *path, size_t size);

#endif
