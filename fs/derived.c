/* SPDX-License-Identifier: MIT */
#include "derived.h"

#include "directory.h"
#include "file_tree.h"
#include "member.h"
#include "provenance.h"
#include "ready.h"
#include "refresh.h"
#include "roster.h"

struct place derived_source(struct place place)
{
    if (place.node->kind == NODE_COLLECTION && place.member == MEMBER_ALIASES)
        place.member = MEMBER_VERSIONS;
    if (place.node->kind == NODE_FILE)
        place = (struct place){node_ancestor(place.node, NODE_VERSION), MEMBER_FILES};
    if (place.node->kind == NODE_ROSTER)
        place = (struct place){place.node->parent, MEMBER_MEMBERS};
    return place;
}

struct listing *derived_listing(struct place place)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    return facet ? facet->listing : NULL;
}

/* Takes a collection's versions from a newer listing of the whole registry. */
static void derive_versions(struct filesystem *fs, struct place versions)
{
    struct node *registry = versions.node->parent;
    struct listing *whole = derived_listing((struct place){registry, MEMBER_VERSIONS});
    struct listing *own = derived_listing(versions);
    const struct facet *facet = node_find_facet(versions.node, versions.member);
    if (!whole || (own && own->fetched >= whole->fetched) ||
        (facet && whole->fetched < facet->changed) ||
        ready_is_forgotten(versions.node, versions.member, whole->fetched))
        return;
    struct lineage lineage;
    lineage_of(versions.node, &lineage);
    struct listing *derived = directory_versions_of(whole, &lineage);
    lineage_release(&lineage);
    if (derived)
        refresh_install(fs, versions, derived);
}

static void derive_aliases(struct filesystem *fs, struct place aliases)
{
    struct listing *versions = derived_listing(derived_source(aliases));
    struct listing *own = derived_listing(aliases);
    if (!versions || (own && own->fetched >= versions->fetched))
        return;
    struct lineage lineage;
    lineage_of(aliases.node, &lineage);
    struct listing *derived = directory_aliases_of(versions, &lineage);
    lineage_release(&lineage);
    if (derived)
        refresh_install(fs, aliases, derived);
}

static void derive_roles(struct filesystem *fs, struct place roster)
{
    struct listing *members = derived_listing(derived_source(roster));
    struct listing *own = derived_listing(roster);
    const struct facet *facet = node_find_facet(roster.node, roster.member);
    if (!members || (own && own->fetched >= members->fetched) ||
        (facet && members->fetched < facet->changed))
        return;
    struct listing *derived = roster_below(members, roster.node->object);
    if (derived)
        refresh_install(fs, roster, derived);
}

static void derive_folder(struct filesystem *fs, struct place folder)
{
    struct listing *files = derived_listing(derived_source(folder));
    struct listing *own = derived_listing(folder);
    if (!files || (own && own->fetched >= files->fetched))
        return;
    struct listing *derived = file_tree_below(files, folder.node->object);
    if (derived)
        refresh_install(fs, folder, derived);
}

void derive(struct filesystem *fs, struct place place)
{
    if (place.node->kind == NODE_FILE)
        derive_folder(fs, place);
    if (place.node->kind == NODE_ROSTER)
        derive_roles(fs, place);
    if (place.node->kind == NODE_VERSION && place.member == MEMBER_LINEAGE)
        provenance_name(fs, place);
    if (place.node->kind != NODE_COLLECTION)
        return;
    derive_versions(fs, derived_source(place));
    if (place.member == MEMBER_ALIASES)
        derive_aliases(fs, place);
}
