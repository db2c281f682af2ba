/* SPDX-License-Identifier: MIT */
#include "ready.h"

#include "base/clock.h"
#include "derived.h"
#include "directory.h"
#include "file_tree.h"
#include "fresh.h"
#include "inode/filesystem.h"
#include "link.h"
#include "provenance_ready.h"
#include "refresh.h"
#include "report/errnos.h"
#include "report/options.h"
#include "walk.h"

#include <errno.h>

enum {
    RECENT_SECONDS = 1, /* how old an answer may be for who is going to write */
    LISTING_ROWS = 100, /* entries of one page */
    BURST = 8,          /* entries asked for one by one within a second before a page is tried */
};

/* Which listing to ask for so that `place` gets one. */
static void need_listing(struct request *request, struct place place)
{
    struct place source = derived_source(place);
    if (source.node->kind == NODE_COLLECTION && walk_wants_whole_registry(request, source))
        source = (struct place){source.node->parent, MEMBER_VERSIONS};
    await_entry(request, &refresh_listing, source, "");
    request->need.subject = fresh_growing(request->fs, request, source);
}

void ready_wait_for_more(struct request *request, struct place place, struct listing *listing)
{
    request->deadline = request->started + LOOKUP_SECONDS * CLOCK_SECOND;
    await_entry(request, &refresh_listing, place, "");
    request->need.subject = listing_ref(listing);
}

/* All entries of a directory. *listing is borrowed: take a reference before unlocking. */
static enum readiness whole_listing(struct request *request, struct place place,
                                    struct listing **listing, int *error_number)
{
    derive(request->fs, place);
    *listing = fresh_last_listing(place);
    if (fresh_listing(request, request->fs, place, *listing))
        return READY;
    enum readiness result =
        await_or_have(request, derived_source(place), *listing != NULL, CALL_LISTING, error_number);
    if (result == WAITING)
        need_listing(request, place);
    return result;
}

enum readiness ready_opening(struct request *request, struct place place, struct listing **listing,
                             int *error_number)
{
    struct place holders = link_holders(place);
    enum readiness result =
        holders.node ? whole_listing(request, holders, listing, error_number) : READY;
    if (result != READY)
        return result;
    struct listing *growing = fresh_part(request, request->fs, place);
    derive(request->fs, place);
    *listing = fresh_last_listing(place);
    if (*listing || !growing || growing->growth->slow)
        return whole_listing(request, place, listing, error_number);
    *listing = growing;
    return READY;
}

/* Whether many entries are asked for shortly one after another in a directory of which no listing
 * is known: one page may hold them all. It is tried once, what is not in it is asked for by name.
 */
static bool page_may_pay(struct facet *facet)
{
    int64_t now = clock_nanoseconds();
    if (!facet || facet->listing || (facet->growing && facet->growing->growth->pages > 0))
        return false;
    if (now - facet->burst_began > CLOCK_SECOND) {
        facet->burst_began = now;
        facet->burst = 0;
    }
    return facet->burst++ >= BURST;
}

/* One entry, or the whole directory when so many entries were asked for that a listing is cheaper,
 * or when the file name does not tell the server's. */
static void need_entry(struct request *request, struct place place, const char *name)
{
    struct listing *listing = fresh_last_listing(place);
    const struct facet *facet = node_find_facet(place.node, place.member);
    const struct directory *row = directory_of(place);
    bool listing_pays = listing && facet->singles > listing->count / LISTING_ROWS;
    if (place.node->kind == NODE_VERSION)
        listing_pays = file_tree_pays_listing(place.node, facet);
    if (!row->find || name_needs_listing(name) || (listing_pays && row->list)) {
        need_listing(request, place);
    } else if (row->list && place.node->kind != NODE_VERSION &&
               page_may_pay(node_facet(place.node, place.member))) {
        await_entry(request, &refresh_listing, place, "");
        request->need.subject = fresh_growing(request->fs, request, place);
    } else {
        await_entry(request, &refresh_entry, place, name);
    }
}

/* Of a node that is gone, another may have the name by now: on ESTALE the kernel walks the path
 * once more, and asks for every name of it. */
static enum readiness object_alone(struct request *request, struct node *node, int *error_number)
{
    if (node->kind == NODE_LOCAL || node->rejected) /* an open file works on after unlink */
        return READY;
    if (node->gone) {
        *error_number = ESTALE;
        return FAILED;
    }
    if (node->kind == NODE_PROVENANCE)
        return provenance_ready(request, node, false, error_number);
    if (node_is_query(node) || !node->parent || !directory_row(node->parent->kind, node->member))
        return READY;
    struct place place = {node->parent, node->member};
    derive(request->fs, place);
    if (node->gone) {
        *error_number = ESTALE;
        return FAILED;
    }
    if (fresh_node(request, request->fs, node))
        return READY;
    enum readiness result = await_or_have(request, place, true, CALL_LOOKUP, error_number);
    if (result == WAITING)
        need_entry(request, place, node->name);
    return result;
}

enum readiness ready_object_now(struct request *request, struct node *node, int *error_number)
{
    struct place place = {node->parent, node->member};
    derive(request->fs, place);
    if (node->gone) {
        *error_number = ESTALE;
        return FAILED;
    }
    if (request->failure.kind != ERROR_NONE) {
        *error_number = errno_of(request->failure.kind);
        return FAILED;
    }
    if (fresh_answer(request, node->fetched))
        return READY;
    if (!fresh_is_forgotten(node, MEMBER_SELF, node->fetched) &&
        clock_nanoseconds() - node->fetched < RECENT_SECONDS * CLOCK_SECOND)
        return READY;
    if (directory_of(place)->find)
        await_entry(request, &refresh_entry, place, node->name);
    else
        need_listing(request, place);
    request->need.opening = true;
    return WAITING;
}

/* Whether the server was asked for that entry alone so shortly ago that nobody asks again. */
static bool is_just_gone(const struct filesystem *fs, struct place place, const char *name)
{
    const struct listing *listing = fresh_last_listing(place);
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    return entry && entry->gone && !fresh_is_forgotten(place.node, place.member, entry->gone) &&
           clock_nanoseconds() - entry->gone <
               (int64_t)(fs->options->negative_ttl * (double)CLOCK_SECOND);
}

/* Whether a complete listing is known, which shows our own changes, and had nothing of that name.
 */
static bool last_listing_lacks(struct place place, const char *name)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    const struct listing *listing = fresh_last_listing(place);
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    return listing && listing->fetched >= facet->changed && (!entry || entry->gone);
}

static enum readiness find_entry(struct request *request, struct place place, const char *name,
                                 struct node **entry, int *error_number)
{
    struct filesystem *fs = request->fs;
    *entry = derived_entry(fs, place, name);
    if (*entry)
        return READY;
    *error_number = ENOENT;
    if (fresh_listing(request, fs, place, fresh_last_listing(place)) ||
        is_just_gone(fs, place, name))
        return FAILED;
    bool was_absent = last_listing_lacks(place, name);
    enum readiness result = await_or_have(request, place, was_absent, CALL_LOOKUP, error_number);
    if (result == READY) {
        if (request->failure.kind == ERROR_NONE) /* what nobody has confirmed is not to be kept */
            error_set(&request->failure, ERROR_TIMEOUT, "the server is silent");
        *error_number = ENOENT;
        return FAILED;
    }
    if (result == FAILED)
        return FAILED;
    if (!was_absent)
        request->deadline = request->started + LOOKUP_SECONDS * CLOCK_SECOND;
    need_entry(request, place, name);
    return WAITING;
}

/* The node of what a link of `directory` leads into. */
static enum readiness find_holder(struct request *request, struct place directory,
                                  const void *object, struct node **holder, int *error_number)
{
    char name[NAME_LIMIT + 1];
    link_holder_name(object, name);
    return find_entry(request, link_holders(directory), name, holder, error_number);
}

/* A link is as good as what it leads into. */
enum readiness ready_object(struct request *request, struct node *node, int *error_number)
{
    struct place directory = {node->parent, node->member};
    struct node *holder;
    enum readiness result = object_alone(request, node, error_number);
    if (result != READY || node->kind != NODE_LINK || !link_holders(directory).node)
        return result;
    result = find_holder(request, directory, node->object, &holder, error_number);
    if (result == READY)
        return object_alone(request, holder, error_number);
    if (result == FAILED && *error_number == ENOENT)
        *error_number = ESTALE;
    return result;
}

enum readiness ready_entry(struct request *request, struct place place, const char *name,
                           struct node **entry, int *error_number)
{
    struct node *holder;
    enum readiness result = find_entry(request, place, name, entry, error_number);
    if (result != READY || !link_holders(place).node)
        return result;
    return find_holder(request, place, (*entry)->object, &holder, error_number);
}

enum readiness ready_absence(struct request *request, struct place place, const char *name,
                             int64_t *since, int *error_number)
{
    struct filesystem *fs = request->fs;
    const struct listing *listing = fresh_last_listing(place);
    if (fresh_listing(request, fs, place, listing)) {
        *since = listing->fetched;
        return READY;
    }
    if (fresh_reading(request, fs, place.node, place.member, *since))
        return READY;
    if (request->failure.kind == ERROR_NOT_FOUND || strlen(name) > NAME_LIMIT) {
        *since = request->started;
        return READY;
    }
    bool was_absent = *since != 0 || last_listing_lacks(place, name);
    enum readiness result = await_or_have(request, place, was_absent, CALL_LOOKUP, error_number);
    if (result == READY && !*since)
        *since = listing->fetched;
    if (result != WAITING)
        return result;
    if (!was_absent)
        request->deadline = request->started + LOOKUP_SECONDS * CLOCK_SECOND;
    if (!directory_of(place)->find || name_needs_listing(name))
        need_listing(request, place);
    else
        await_entry(request, &refresh_entry, place, name);
    return WAITING;
}
