/* SPDX-License-Identifier: MIT */
/* Which names editors give to what they leave beside a file. */
#ifndef FS_LEFTOVER_H
#define FS_LEFTOVER_H

#include <stdbool.h>

/* Whether a name is plainly that of an editor's swap, lock, backup or temporary file. In doubt it
 * is not: what is taken for a leftover is not kept. */
bool name_is_leftover(const char *name);

#endif
