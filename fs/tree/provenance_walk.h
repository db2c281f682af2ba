/* SPDX-License-Identifier: MIT */
/*
 * Who looks into the lineage/ of one version of a collection after another gets it by pages: the
 * next ones come in the order in which the versions are listed. Whatever a page does not bring is
 * asked for alone.
 */
#ifndef FS_PROVENANCE_WALK_H
#define FS_PROVENANCE_WALK_H

#include "wait/fetch.h"

struct request;

/* The next page, for a collection's node. A failure is none of who waits. */
extern const struct fetch_type refresh_lineages;

/* Whether the request, which wants to know the lineage of the version, is to wait for a page. Notes
 * that it asks. Needs nodes->lock. */
bool provenance_page_helps(const struct request *request, struct node *version);

#endif
