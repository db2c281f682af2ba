/* SPDX-License-Identifier: MIT */
#include "query_follow.h"

#include "directory.h"
#include "query_result.h"
#include "text/name.h"

#include <inttypes.h>

/* The node of that name; made of the object when there is none. NULL: neither. */
static struct node *offer(struct filesystem *fs, struct place directory, struct text name,
                          void *object, int64_t fetched)
{
    char file_name[NAME_LIMIT + 1];
    name_escape(name, 0, file_name);
    struct node *node = node_find(&fs->nodes, directory.node, directory.member, file_name);
    const struct facet *facet = node_find_facet(directory.node, directory.member);
    if (node || !object || name_needs_listing(file_name) || (facet && facet->changed > fetched))
        return node;
    const struct directory *row = directory_of(directory);
    return node_install(&fs->nodes, directory, row->child, file_name, object,
                        directory_identity(row, file_name, object), fetched);
}

void query_link_followed(struct filesystem *fs, struct node *link)
{
    struct query_entry result = query_entry_of(link->kind, link->object);
    struct place base = query_base(link);
    struct node *at = base.node;
    void *object = link->object;
    if (at->kind == NODE_ORGANIZATION)
        at = offer(fs, base, result.registry, result.collection.bytes ? NULL : object,
                   link->fetched);
    if (at && result.collection.bytes)
        at = offer(fs, (struct place){at, MEMBER_COLLECTIONS}, result.collection,
                   result.version < 0 ? object : NULL, link->fetched);
    char version[32];
    snprintf(version, sizeof version, "v%" PRId64, result.version);
    if (at && result.version >= 0)
        offer(fs, (struct place){at, MEMBER_VERSIONS}, text_of(version), object, link->fetched);
}
