/* SPDX-License-Identifier: MIT */
/* What a query's directory holds: the rows of the table of directories, and how a chain of queries
 * becomes the filters of one listing (protocol 7). */
#ifndef FS_QUERY_RESULT_H
#define FS_QUERY_RESULT_H

#include "directory.h"

enum filter_level query_level(enum node_kind kind);

/* Whether the filters of the chain can be asked for when listing `level`; *reason says why not. */
bool query_check(const struct lineage *chain, enum filter_level level, enum filter_search search,
                 struct error *reason);

uint64_t query_identity(struct place directory, const char *name);

/* Members of the rows (directory.h). */
int query_list_registries(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                          struct page *page, struct object_list *found);
int query_list_collections(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                           struct page *page, struct object_list *found);
int query_list_versions(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                        struct page *page, struct object_list *found);
bool query_add_registry(struct listing *listing, const struct lineage *lineage, const void *object,
                        bool *duplicate);
bool query_add_collection(struct listing *listing, const struct lineage *lineage,
                          const void *object, bool *duplicate);
bool query_add_version(struct listing *listing, const struct lineage *lineage, const void *object,
                       bool *duplicate);
bool query_link_target(const struct node *link, struct buf *target);

/* Somebody follows a symlink of a result: what it leads to need not be asked for again. */
void query_link_followed(struct filesystem *fs, struct node *link);

/* The whole name of a symlink in a result. False: no memory. */
bool query_link_name(const struct node *link, struct buf *name);

#endif
