/* SPDX-License-Identifier: MIT */
/* The texts of the control directory's files. */
#ifndef FS_STATUS_H
#define FS_STATUS_H

#include "member.h"

bool render_status(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text);
bool render_errors(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text);

#endif
