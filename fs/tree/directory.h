/* SPDX-License-Identifier: MIT */
/*
 * THE table of directories whose entries come from the server: what lists one,
 * what finds one entry by name, what its entries are called. A new kind of
 * directory is a new row.
 */
#ifndef FS_DIRECTORY_H
#define FS_DIRECTORY_H

#include "base/buf.h"
#include "report/hash.h"
#include "row.h"

/* NULL: the place has no entries from the server. */
const struct directory *directory_of(struct place place);
/* The row for entries of a directory of that kind and member. */
const struct directory *directory_row(enum node_kind kind, uint8_t member);

/* Takes references of the objects above a node, itself included. Needs nodes->lock. */
void lineage_of(struct node *node, struct lineage *lineage);
void lineage_release(struct lineage *lineage);

/* Identity for node_install. */
uint64_t directory_identity(const struct directory *directory, const char *name,
                            const void *object);

/* Where a symlink points. Needs nodes->lock. False: no memory. */
bool directory_link_target(const struct node *link, struct buf *target);

/* A directory's listing of what the server was asked for at `asked`. *duplicates (may be NULL):
 * names that occurred twice were left out. NULL: no memory. */
struct listing *directory_listing(struct place place, const struct lineage *lineage,
                                  const struct object_list *found, int64_t asked, bool *duplicates);
/* Adds another page to one that grows. False: no memory; what was added then may be added again. */
bool directory_extend(struct place place, const struct lineage *lineage, struct listing *listing,
                      const struct object_list *found, bool *duplicates);
/* Ends its growth. False: no memory. */
bool directory_complete(struct place place, struct listing *listing);
/* The versions of one collection out of a registry-wide listing; NULL: no memory. */
struct listing *directory_versions_of(const struct listing *registry_wide,
                                      const struct lineage *lineage);
/* The aliases that a collection's versions carry; NULL: no memory. */
struct listing *directory_aliases_of(const struct listing *versions, const struct lineage *lineage);

/* Lists a page below one registry, or one collection of it when that is given; blocks. */
int directory_list_below(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                         const struct collection *collection, directory_list_page *next,
                         struct page *page, struct object_list *found);

/* The server's own name of a node's object, as the xattr shows it; false when it has none. */
bool directory_original_name(const struct node *node, struct buf *name);

#endif
