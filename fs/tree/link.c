/* SPDX-License-Identifier: MIT */
#include "link.h"

#include "inode/listing.h"
#include "kernel_cache.h"
#include "row.h"

struct place link_holders(struct place directory)
{
    bool links = directory.node->kind == NODE_REGISTRY && directory.member == MEMBER_VERSIONS;
    return links ? (struct place){directory.node, MEMBER_COLLECTIONS} : (struct place){0};
}

void link_holder_name(const void *object, char name[NAME_LIMIT + 1])
{
    name_escape(((const struct version *)object)->collection, 0, name);
}

/* As of when the holder is known to be there; 0: it is not. */
static int64_t holder_fetched(struct filesystem *fs, struct place holders, const void *object)
{
    char name[NAME_LIMIT + 1];
    link_holder_name(object, name);
    const struct node *node = node_find(&fs->nodes, holders.node, holders.member, name);
    if (node)
        return node->fetched;
    const struct facet *facet = node_find_facet(holders.node, holders.member);
    const struct listing *listing = facet ? facet->listing : NULL;
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    return entry && !entry->gone ? listing->fetched : 0;
}

bool link_leads_somewhere(struct filesystem *fs, struct place directory, const void *object)
{
    struct place holders = link_holders(directory);
    return !holders.node || holder_fetched(fs, holders, object) != 0;
}

int64_t link_fetched(struct filesystem *fs, const struct node *node)
{
    struct place holders = {0};
    if (node->kind == NODE_LINK)
        holders = link_holders((struct place){node->parent, node->member});
    int64_t held = holders.node ? holder_fetched(fs, holders, node->object) : node->fetched;
    return held < node->fetched ? held : node->fetched;
}

void link_cut(struct filesystem *fs, struct place holders)
{
    struct place links = {holders.node, MEMBER_VERSIONS};
    if (holders.node->kind != NODE_REGISTRY || holders.member != MEMBER_COLLECTIONS)
        return;
    for (struct node *child = links.node->first_child, *next; child; child = next) {
        next = child->next_sibling;
        if (child->kind != NODE_LINK || child->member != links.member || child->gone ||
            link_leads_somewhere(fs, links, child->object))
            continue;
        kernel_cache_remove_entry(fs, child);
        node_remove(&fs->nodes, child);
    }
    struct facet *facet = node_facet(links.node, links.member);
    if (facet)
        facet->shown = 0; /* the kernel's copy of the entries is of the state before */
}
