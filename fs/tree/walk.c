/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include "base/clock.h"
#include "directory.h"
#include "fresh.h"
#include "inode/filesystem.h"
#include "member.h"
#include "refresh.h"
#include "report/options.h"
#include "wait/fetch.h"

#include <sys/stat.h>

enum {
    WALK_SECONDS = 60,      /* between opening a directory and what is in it */
    SINGLE_COLLECTIONS = 3, /* collections listed one by one before the whole registry is */
    SIDE_BY_SIDE = 3,       /* registries read ahead, two listings each: others need workers, too */
};

/* Whether the process that asks opened the directory itself a short time ago. */
static bool opened_it(const struct request *request, const struct facet *facet)
{
    return facet && facet->opened_by == fuse_req_ctx(request->fuse)->pid &&
           clock_nanoseconds() - facet->opened < WALK_SECONDS * CLOCK_SECOND;
}

void walk_note_opendir(struct request *request, struct place place)
{
    bool collections = place.node->kind == NODE_REGISTRY && place.member == MEMBER_COLLECTIONS;
    bool organization = place.node->kind == NODE_ORGANIZATION;
    bool registry = place.node->kind == NODE_REGISTRY && place.member == MEMBER_SELF;
    struct facet *facet =
        collections || organization || registry ? node_facet(place.node, place.member) : NULL;
    if (!facet)
        return;
    facet->opened_by = fuse_req_ctx(request->fuse)->pid;
    facet->opened = clock_nanoseconds();
    if (organization)
        facet->descended = false;
}

/* Counts collections that are looked into shortly one after another. */
static void count_walked(const struct filesystem *fs, struct facet *collections)
{
    int64_t now = clock_nanoseconds();
    if (now - collections->walk_began > fresh_time_to_live(fs)) {
        collections->walk_began = now;
        collections->walked = 0;
    }
    collections->walked++;
}

bool walk_wants_whole_registry(struct request *request, struct place versions)
{
    struct facet *collections = node_facet(versions.node->parent, MEMBER_COLLECTIONS);
    if (!collections)
        return false;
    if (opened_it(request, collections) || collections->walked >= SINGLE_COLLECTIONS)
        return true;
    count_walked(request->fs, collections);
    return false;
}

/* The registry that a walker of its whole organization, and of what is in collections, has come to;
 * NULL: it is none, or what follows is under way already. */
static struct node *walked_registry(const struct request *request, struct place place)
{
    struct node *registry = node_ancestor(place.node, NODE_REGISTRY);
    if (!registry || registry->parent->kind != NODE_ORGANIZATION || place.member == MEMBER_SELF)
        return NULL;
    struct facet *organization = node_facet(registry->parent, MEMBER_SELF);
    if (!opened_it(request, organization) ||
        !opened_it(request, node_find_facet(registry, MEMBER_COLLECTIONS)))
        return NULL;
    bool is_news = (place.node->kind == NODE_COLLECTION) != organization->descended;
    if (place.node->kind == NODE_COLLECTION)
        organization->descended = true;
    return is_news ? registry : NULL;
}

/* Whether a listing of the place would be news; then *need asks for all of it, for fetch_start. */
static bool is_to_be_read(struct filesystem *fs, struct place place, struct need *need)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    if (fresh_listing(NULL, fs, place, fresh_last_listing(place)) ||
        (facet && facet->growing && facet->growing->growth->active))
        return false;
    *need = (struct need){.type = &refresh_listing, .node = place.node, .member = place.member};
    struct listing *growing = fresh_growing(fs, NULL, place);
    if (!growing)
        return false;
    growing->growth->whole = true;
    need->subject = growing;
    node_hold(&fs->nodes, place.node);
    return true;
}

/* What is to be read of the registries that come after this one. */
static size_t next_registries(struct filesystem *fs, const struct node *registry,
                              struct need needs[SIDE_BY_SIDE * 2])
{
    struct place place = {registry->parent, registry->member};
    const struct directory *row = directory_of(place);
    const struct facet *facet = node_find_facet(place.node, place.member);
    const struct listing *listing = facet ? facet->listing : NULL;
    const struct entry *here = listing ? listing_find(listing, registry->name) : NULL;
    size_t count = 0;
    if (!here)
        return 0;
    size_t at = (size_t)(here - listing->entries);
    for (size_t i = at + 1; i < listing->count && i <= at + SIDE_BY_SIDE; i++) {
        const struct entry *entry = &listing->entries[i];
        if (entry->gone)
            continue;
        struct node *node =
            node_install(&fs->nodes, place, row->child, entry->name, entry->object,
                         directory_identity(row, entry->name, entry->object), listing->fetched);
        if (!node)
            return count;
        count += is_to_be_read(fs, (struct place){node, MEMBER_COLLECTIONS}, &needs[count]);
        count += is_to_be_read(fs, (struct place){node, MEMBER_VERSIONS}, &needs[count]);
    }
    return count;
}

void walk_read_ahead(struct request *request)
{
    struct filesystem *fs = request->fs;
    struct need needs[SIDE_BY_SIDE * 2];
    pthread_mutex_lock(&fs->nodes.lock);
    struct place place = node_place(&fs->nodes, request->id);
    const struct node *registry = place.node ? walked_registry(request, place) : NULL;
    size_t count = registry ? next_registries(fs, registry, needs) : 0;
    pthread_mutex_unlock(&fs->nodes.lock);
    for (size_t i = 0; i < count; i++)
        fetch_start(fs, &needs[i]);
}

bool walk_is_one_of_many(struct place place)
{
    if (place.node->kind != NODE_VERSION && place.node->kind != NODE_COLLECTION)
        return false;
    const struct member *row = member_by_id(place.node->kind, place.member);
    return row && S_ISREG(row->mode);
}

static int32_t *looker_of(const struct request *request, int32_t *process)
{
    *process = fuse_req_ctx(request->fuse)->pid;
    return &request->fs->lookers[(uint32_t)*process % LOOKERS];
}

void walk_note_lookup(struct request *request, struct place found)
{
    int32_t process, *looker = looker_of(request, &process);
    if (walk_is_one_of_many(found))
        *looker = process;
}

bool walk_looks(const struct request *request)
{
    int32_t process;
    const int32_t *looker = looker_of(request, &process);
    return *looker == process;
}
