/* SPDX-License-Identifier: MIT */
/* How the mount is doing, as texts: the control directory's files and the status socket's answers.
 * Each figure is told once, in status.c; the formats differ in how they write it. The files on
 * their way are a list, which status_files.c writes. */
#ifndef FS_STATUS_H
#define FS_STATUS_H

#include "row.h"
#include "status_text.h"

/* Bytes of a status at most: all paths in it as long as they can be, and all bytes escaped. */
enum { STATUS_CEILING = 256 * 1024 };

/* Appends all figures; `state` and `reason` come first where the state is known, else NULL. Called
 * under the nodes' lock. False: no memory. */
bool status_render(struct filesystem *fs, enum status_format format, const char *state,
                   const char *reason, struct buf *text);

bool render_status(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text);
bool render_errors(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text);
bool render_metrics(struct filesystem *fs, const struct member *member, const void *object,
                    struct buf *text);

#endif
