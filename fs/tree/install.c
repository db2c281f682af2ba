/* SPDX-License-Identifier: MIT */
#include "install.h"

#include "directory.h"
#include "kernel_cache.h"
#include "lifetime.h"
#include "link.h"

static void give_new_object(struct filesystem *fs, struct place place, struct node *node,
                            const struct directory *row, const struct entry *entry, int64_t fetched)
{
    bool kernel_may_hold = node->lookups && lifetime_left(fs, node) > 0;
    bool changed = kernel_may_hold && node->object != entry->object;
    node_install(&fs->nodes, place, row->child, entry->name, entry->object,
                 directory_identity(row, entry->name, entry->object), fetched);
    if (changed)
        kernel_cache_forget_attributes(fs, node);
}

void install_listing(struct filesystem *fs, struct place place, struct listing *listing)
{
    const struct directory *row = directory_of(place);
    struct facet *facet = node_facet(place.node, place.member);
    if (!facet || listing->fetched < facet->changed ||
        (facet->listing && facet->listing->fetched > listing->fetched)) {
        listing_unref(listing);
        return;
    }
    listing_unref(facet->listing);
    facet->listing = listing;
    facet->singles = 0;
    facet->failed = 0;
    facet->walked = 0;
    for (struct node *child = place.node->first_child, *next; child; child = next) {
        next = child->next_sibling;
        if (child->member != place.member || child->gone ||
            node_is_newer(child, listing->fetched) || child->kind != row->child)
            continue;
        const struct entry *entry = listing_find(listing, child->name);
        if (entry) {
            give_new_object(fs, place, child, row, entry, listing->fetched);
            continue;
        }
        kernel_cache_remove_entry(fs, child);
        node_remove(&fs->nodes, child);
    }
    link_cut(fs, place);
}

struct node *install_object(struct filesystem *fs, struct place place, const char *name,
                            const void *object, int64_t fetched)
{
    const struct directory *row = directory_of(place);
    struct node *old = node_find(&fs->nodes, place.node, place.member, name);
    bool changed = old && old->object != object && old->lookups && lifetime_left(fs, old) > 0;
    struct node *node = node_install(&fs->nodes, place, row->child, name, object,
                                     directory_identity(row, name, object), fetched);
    if (changed && node == old)
        kernel_cache_forget_attributes(fs, node);
    return node;
}
