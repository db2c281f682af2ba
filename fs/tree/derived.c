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

/* The listing of `source` when it tells more of the place than is known there; else NULL. */
static struct listing *newer_listing(struct place place, struct place source)
{
    struct listing *whole = derived_listing(source);
    const struct listing *own = derived_listing(place);
    const struct facet *facet = node_find_facet(place.node, place.member);
    bool newer = whole && (!own || own->fetched < whole->fetched) &&
                 (!facet || whole->fetched >= facet->changed);
    return newer ? whole : NULL;
}

/* Takes a collection's versions from a newer listing of the whole registry. */
static struct listing *versions_of(struct place versions)
{
    struct listing *derived = NULL;
    struct listing *whole =
        newer_listing(versions, (struct place){versions.node->parent, MEMBER_VERSIONS});
    if (whole && !ready_is_forgotten(versions.node, versions.member, whole->fetched)) {
        struct lineage lineage;
        lineage_of(versions.node, &lineage);
        derived = directory_versions_of(whole, &lineage);
        lineage_release(&lineage);
    }
    return derived;
}

static struct listing *aliases_of(struct place aliases)
{
    struct listing *derived = NULL;
    struct listing *versions = newer_listing(aliases, derived_source(aliases));
    if (versions) {
        struct lineage lineage;
        lineage_of(aliases.node, &lineage);
        derived = directory_aliases_of(versions, &lineage);
        lineage_release(&lineage);
    }
    return derived;
}

static struct listing *roles_of(struct place roster)
{
    struct listing *members = newer_listing(roster, derived_source(roster));
    return members ? roster_below(members, roster.node->object) : NULL;
}

static struct listing *folder_of(struct place folder)
{
    struct listing *files = newer_listing(folder, derived_source(folder));
    return files ? file_tree_below(files, folder.node->object) : NULL;
}

static void install(struct filesystem *fs, struct place place, struct listing *derived)
{
    if (derived)
        refresh_install(fs, place, derived);
}

void derive(struct filesystem *fs, struct place place)
{
    if (place.node->kind == NODE_FILE)
        install(fs, place, folder_of(place));
    if (place.node->kind == NODE_ROSTER)
        install(fs, place, roles_of(place));
    if (place.node->kind == NODE_VERSION && place.member == MEMBER_LINEAGE)
        provenance_name(fs, place);
    if (place.node->kind != NODE_COLLECTION)
        return;
    struct place versions = derived_source(place);
    install(fs, versions, versions_of(versions));
    if (place.member == MEMBER_ALIASES)
        install(fs, place, aliases_of(place));
}
