/* SPDX-License-Identifier: MIT */
/*
 * The directories `members/users/` and `members/teams/` of a registry (design 2). One listing of
 * `members/` brings both; each one's own is cut out of that. A list that the server does not know
 * of has no directory.
 */
#ifndef FS_ROSTER_H
#define FS_ROSTER_H

#include "row.h"

/* For the table of directories (directory.h). */
int roster_list(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                struct page *page, struct object_list *found);
bool roster_add(struct listing *listing, const struct lineage *lineage, const void *object,
                bool *duplicate);

/* What `users` or `teams` holds, out of the listing of `members/`; NULL: no memory. */
struct listing *roster_below(const struct listing *members, const void *roster);

#endif
