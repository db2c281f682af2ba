/* SPDX-License-Identifier: MIT */
/* What a query's directory holds: the rows of the table of directories, and how a chain of queries
 * becomes the filters of one listing (protocol 7). */
#ifndef FS_QUERY_RESULT_H
#define FS_QUERY_RESULT_H

#include "row.h"

/* The object of a query's node. */
struct query {
    struct object object;
    struct text filter; /* JSON, as filter_read() gives it */
};

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

/* What an entry of a result stands for; the parts that it has not are null. */
struct query_entry {
    struct text registry; /* without prefix */
    struct text collection;
    int64_t version; /* -1: none */
};

struct query_entry query_entry_of(enum node_kind kind, const void *object);
/* The directory that the first query of a chain was asked in. */
struct place query_base(const struct node *link);

/* The whole name of a symlink in a result. False: no memory. */
bool query_link_name(const struct node *link, struct buf *name);

#endif
