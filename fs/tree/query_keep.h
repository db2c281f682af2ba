/* SPDX-License-Identifier: MIT */
/* Which queries (query.h) were used last: only so many keep their results. Needs nodes->lock. */
#ifndef FS_QUERY_KEEP_H
#define FS_QUERY_KEEP_H

#include "inode/filesystem.h"

struct queries;
/* NULL: no memory. */
struct queries *queries_new(void);
void queries_free(struct queries *queries);
/* Says that a query was looked up or has got new results. */
void query_was_used(struct filesystem *fs, struct node *query);

#endif
