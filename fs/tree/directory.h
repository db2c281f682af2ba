/* SPDX-License-Identifier: MIT */
/*
 * THE table of directories whose entries come from the server: what lists one,
 * what finds one entry by name, what its entries are called. A new kind of
 * directory is a new row.
 */
#ifndef FS_DIRECTORY_H
#define FS_DIRECTORY_H

#include "base/buf.h"
#include "inode/filesystem.h"
#include "inode/listing.h"
#include "report/hash.h"

struct query;

/* The objects above a directory, each a reference or NULL. */
struct lineage {
    struct organization *organization;
    struct registry *registry;
    struct collection *collection;
    struct version *version;
    struct query *queries[FILTER_LEVELS];
};

struct directory {
    enum node_kind kind;
    uint8_t member;
    enum node_kind child;
    /* Asks for the next page; blocks. NULL: the entries follow from another directory's listing. */
    int (*list)(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                struct page *page, struct object_list *found);
    /* Asks for one by its server name; blocks. `below` (may be NULL): what came with the answer of
     * what is below it, some of a collection's versions, all of a version's files or none. NULL:
     * only the whole can be asked for. */
    int (*find)(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                struct text name, void **object, struct object_list *below);
    /* Adds an object's entries. False: no memory. */
    bool (*add)(struct listing *listing, const struct lineage *lineage, const void *object,
                bool *duplicate);
    /* The server's id of an object; NULL: the file name tells them apart. */
    struct text (*id)(const void *object);
    /* Where an entry that is a symlink points; NULL: none are. */
    bool (*target)(const struct node *link, struct buf *target);
    /* What was read stays true (design 4). */
    bool immutable;
    /* What `find` does not find may still be listed. */
    bool listing_decides;
};

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

/* A client's call that lists a page. */
typedef int directory_list_page(struct client *client, struct call *call, const struct scope *scope,
                                struct page *page, struct object_list *found);

/* Lists a page below one registry, or one collection of it when that is given; blocks. */
int directory_list_below(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                         const struct collection *collection, directory_list_page *next,
                         struct page *page, struct object_list *found);

/* The server's own name of a node's object, as the xattr shows it; false when it has none. */
bool directory_original_name(const struct node *node, struct buf *name);

#endif
