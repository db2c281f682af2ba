/* SPDX-License-Identifier: MIT */
/* SOURCE: which directory becomes the root of the mount (design 1). */
#ifndef FS_SOURCE_H
#define FS_SOURCE_H

#include "inode/filesystem.h"

/* Resolves SOURCE (NULL: everything), asking the server for each object on the way, and sets the
 * mount's root. Blocks; before the loop runs. An alias is resolved once, here. */
int source_resolve(struct filesystem *fs, const char *source, struct error *error);

#endif
