/* SPDX-License-Identifier: MIT */
#include "derived.h"

#include "directory.h"
#include "file_tree.h"
#include "fresh.h"
#include "install.h"
#include "provenance_file.h"
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

/* The listing of `source` when it tells more of the place than is known there; else NULL. */
static struct listing *newer_listing(struct place place, struct place source)
{
    struct listing *whole = fresh_last_listing(source);
    const struct listing *own = fresh_last_listing(place);
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
    if (whole && !fresh_is_forgotten(versions.node, versions.member, whole->fetched)) {
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

static void put(struct filesystem *fs, struct place place, struct listing *derived)
{
    if (derived)
        install_listing(fs, place, derived);
}

void derive(struct filesystem *fs, struct place place)
{
    if (place.node->kind == NODE_FILE)
        put(fs, place, folder_of(place));
    if (place.node->kind == NODE_ROSTER)
        put(fs, place, roles_of(place));
    if (place.node->kind == NODE_VERSION && place.member == MEMBER_LINEAGE)
        put(fs, place, provenance_names(fs, place));
    if (place.node->kind != NODE_COLLECTION)
        return;
    struct place versions = derived_source(place);
    put(fs, versions, versions_of(versions));
    if (place.member == MEMBER_ALIASES)
        put(fs, place, aliases_of(place));
}

/* The entry out of a listing of the directory, however old that is. */
static struct node *entry_from_listing(struct filesystem *fs, struct place place,
                                       struct listing *listing, const char *name)
{
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    if (!entry || entry->gone)
        return NULL;
    const struct directory *row = directory_of(place);
    return node_install(&fs->nodes, place, row->child, entry->name, entry->object,
                        directory_identity(row, name, entry->object), listing->fetched);
}

struct node *derived_entry(struct filesystem *fs, struct place place, const char *name)
{
    derive(fs, place);
    struct node *entry = node_find(&fs->nodes, place.node, place.member, name);
    const struct facet *facet = node_find_facet(place.node, place.member);
    struct listing *listing = fresh_last_listing(place);
    if (!entry && listing && listing->fetched >= facet->changed)
        entry = entry_from_listing(fs, place, listing, name);
    return entry ? entry : entry_from_listing(fs, place, fresh_part(NULL, fs, place), name);
}

void derived_note_entry(struct filesystem *fs, struct place place, const char *name, int64_t gone)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    derive(fs, place);
    listing_note_gone(fresh_last_listing(place), name, gone);
    if (facet)
        listing_note_gone(facet->growing, name, gone);
}

bool derived_listing_came(struct filesystem *fs, struct place place, int64_t since)
{
    derive(fs, place);
    const struct listing *listing = fresh_last_listing(place);
    return listing && listing->completed >= since && fresh_listing(NULL, fs, place, listing);
}
