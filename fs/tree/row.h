/* SPDX-License-Identifier: MIT */
/* What the tables of the tree are made of: of what an object's directory holds (member.h), and of
 * the directories whose entries come from the server (directory.h). */
#ifndef FS_ROW_H
#define FS_ROW_H

#include "base/buf.h"
#include "inode/filesystem.h"
#include "inode/listing.h"
#include "text/registry_text.h"

#include <sys/types.h>

struct member {
    const char *name;
    mode_t mode; /* type and permissions */
    uint8_t id;  /* stable: inode numbers are made from it */
    int offset;  /* of the field that `render` reads, in the object */
    /* Appends the file's text; false: no memory. NULL for directories. */
    bool (*render)(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text);
    const struct editing *editing; /* how it is written; NULL: it is not */
};

/* Ids that other modules name. */
enum {
    MEMBER_NAME = 1,
    MEMBER_COLLECTIONS = 101,
    MEMBER_VERSIONS = 102,
    MEMBER_ALIASES = 103,
    MEMBER_FILES = 104,
    MEMBER_UNSAVED = 105,
    MEMBER_LINEAGE = 106,
    MEMBER_MEMBERS = 107,
};

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

/* Most bytes of one attribute's text. */
enum { TEXT_CEILING = METADATA_TEXT_CEILING };

/* A client's call that lists a page. */
typedef int directory_list_page(struct client *client, struct call *call, const struct scope *scope,
                                struct page *page, struct object_list *found);

#endif
