/* SPDX-License-Identifier: MIT */
#include "ready.h"

#include "base/clock.h"
#include "derived.h"
#include "directory.h"
#include "file_tree.h"
#include "inode/filesystem.h"
#include "link.h"
#include "member.h"
#include "provenance.h"
#include "refresh.h"
#include "report/errnos.h"
#include "report/options.h"
#include "stat.h"
#include "walk.h"

#include <errno.h>

enum {
    LOOKUP_SECONDS = 5,   /* it holds the parent's lock: a short deadline */
    PATIENCE_SECONDS = 2, /* for a new answer, when an old one is at hand */
    FAILURE_SECONDS = 1, /* after which a failed call is tried again, when an old answer is there */
    PATH_SIZE = 1024,
    RECENT_SECONDS = 1, /* how old an answer may be for who is going to write */
    LISTING_ROWS = 100, /* entries of one page */
    BURST = 8,          /* entries asked for one by one within a second before a page is tried */
    IMMUTABLE_SECONDS = 3600, /* for which the kernel may keep what cannot change */
};

static const int64_t SECOND = 1000000000;

bool ready_is_forgotten(const struct node *node, uint8_t member, int64_t fetched)
{
    for (; node; member = node->member, node = node->parent) {
        const struct facet *facet = node_find_facet(node, member);
        if (fetched < node->forgotten || (facet && fetched < facet->forgotten))
            return true;
    }
    return false;
}

int64_t ready_time_to_live(const struct filesystem *fs)
{
    return (int64_t)(fs->options->ttl * (double)SECOND);
}

/* What the server was asked for since the request began is new enough for it, whatever came then.
 */
static bool is_answer_to(const struct request *request, int64_t fetched)
{
    return request && fetched >= request->started;
}

/* `request` NULL: by the time limit alone. */
static bool is_fresh(const struct request *request, const struct filesystem *fs,
                     const struct node *node, uint8_t member, int64_t fetched)
{
    if (is_answer_to(request, fetched))
        return true;
    if (!fetched || ready_is_forgotten(node, member, fetched))
        return false;
    const struct directory *row = directory_row(node->kind, member);
    if (row && row->immutable)
        return true;
    return clock_nanoseconds() - fetched < ready_time_to_live(fs);
}

/*
 * A listing that took longer than half its lifetime would be out of date when it arrives, and a
 * walker would list for ever: it is good for as long again as it took.
 */
static bool listing_is_fresh(const struct request *request, const struct filesystem *fs,
                             struct place place, const struct listing *listing)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    if (!listing || listing->fetched < facet->changed)
        return false;
    if (is_fresh(request, fs, place.node, place.member, listing->fetched))
        return true;
    int64_t took = listing->completed - listing->fetched;
    return took * 2 > ready_time_to_live(fs) && fs->options->ttl > 0 &&
           !ready_is_forgotten(place.node, place.member, listing->fetched) &&
           clock_nanoseconds() - listing->completed < took;
}

/* Says once, not at every look, that what is shown is old because the server does not answer. */
static void note_stale(const struct request *request, struct place place)
{
    struct facet *facet = node_facet(place.node, place.member);
    if (!facet || facet->failed >= request->started)
        return;
    char path[PATH_SIZE];
    facet->failed = clock_nanoseconds();
    place_path(place, path, sizeof path);
    journal_add(request->fs->journal, request->operation, path, request->failure.kind,
                request->failure.kind == ERROR_SERVER
                    ? "what the server answers does not help; what was read before is shown"
                    : "the server does not answer; what was read before is shown");
}

/* What to do about something in `place` that is not fresh; `have`: an old one could be shown;
 * `kind`: of the call that would bring a new one. */
static enum readiness not_fresh(struct request *request, struct place place, bool have,
                                enum call_kind kind, int *error_number)
{
    if (request->failure.kind != ERROR_NONE) {
        if (have && errno_allows_stale(request->failure.kind)) {
            note_stale(request, place);
            return READY;
        }
        *error_number = errno_of(request->failure.kind);
        return FAILED;
    }
    if (!have) {
        request->deadline = 0; /* patience with something else, which has come */
        return WAITING;
    }
    const struct facet *facet = node_find_facet(place.node, place.member);
    int64_t failed = facet ? facet->failed : 0;
    if (failed && clock_nanoseconds() - failed < FAILURE_SECONDS * SECOND)
        return READY;
    if (fetches_server_is_silent(request->fs->fetches, kind))
        return READY;
    if (!request->deadline)
        request->deadline = clock_nanoseconds() + PATIENCE_SECONDS * SECOND;
    return WAITING;
}

static void need(struct request *request, const struct fetch_type *type, struct place place,
                 const char *name)
{
    request->need = (struct need){.type = type, .node = place.node, .member = place.member};
    snprintf(request->need.name, sizeof request->need.name, "%s", name);
    node_hold(&request->fs->nodes, place.node);
}

enum readiness ready_by_call(struct request *request, struct place place, bool have,
                             const struct fetch_type *type, int *error_number)
{
    enum readiness result = not_fresh(request, place, have, type->kind, error_number);
    if (result == WAITING)
        need(request, type, place, "");
    return result;
}

void ready_wait_for(struct request *request, const struct fetch_type *type, struct place place)
{
    request->deadline = request->started + LOOKUP_SECONDS * SECOND;
    need(request, type, place, "");
}

/* Whether a listing on its way is still worth going on with: it is younger than the time to live,
 * or the last page of it is. */
static bool growing_is_fresh(const struct request *request, const struct filesystem *fs,
                             struct place place, const struct listing *growing)
{
    return is_fresh(request, fs, place.node, place.member, growing->fetched) ||
           (growing->fetched && !ready_is_forgotten(place.node, place.member, growing->fetched) &&
            clock_nanoseconds() - growing->growth->progressed < ready_time_to_live(fs));
}

struct listing *ready_growing(struct filesystem *fs, const struct request *request,
                              struct place place)
{
    struct facet *facet = node_facet(place.node, place.member);
    if (!facet)
        return NULL;
    struct listing *growing = facet->growing;
    if (growing && (!growing->fetched || growing->growth->active ||
                    growing_is_fresh(request, fs, place, growing)))
        return listing_ref(growing);
    listing_unref(growing);
    facet->growing = listing_new_growing();
    return listing_ref(facet->growing);
}

/* What has come of the directory's listing that is on its way and may be shown; else NULL. */
static struct listing *growing_at(const struct request *request, const struct filesystem *fs,
                                  struct place place)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    struct listing *growing = facet ? facet->growing : NULL;
    if (!growing || !growing->growth->pages || growing->fetched < facet->changed ||
        !growing_is_fresh(request, fs, place, growing))
        return NULL;
    return growing;
}

bool ready_listing_came(struct filesystem *fs, struct place place, int64_t since)
{
    derive(fs, place);
    const struct listing *listing = derived_listing(place);
    return listing && listing->completed >= since && listing_is_fresh(NULL, fs, place, listing);
}

/* Which listing to ask for so that `place` gets one. */
static void need_listing(struct request *request, struct place place)
{
    struct place source = derived_source(place);
    if (source.node->kind == NODE_COLLECTION && walk_wants_whole_registry(request, source))
        source = (struct place){source.node->parent, MEMBER_VERSIONS};
    need(request, &refresh_listing, source, "");
    request->need.subject = ready_growing(request->fs, request, source);
}

void ready_wait_for_more(struct request *request, struct place place, struct listing *listing)
{
    request->deadline = request->started + LOOKUP_SECONDS * SECOND;
    need(request, &refresh_listing, place, "");
    request->need.subject = listing_ref(listing);
}

bool ready_to_read_ahead(struct filesystem *fs, struct place place, struct need *need)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    if (listing_is_fresh(NULL, fs, place, derived_listing(place)) ||
        (facet && facet->growing && facet->growing->growth->active))
        return false;
    *need = (struct need){.type = &refresh_listing, .node = place.node, .member = place.member};
    struct listing *growing = ready_growing(fs, NULL, place);
    if (!growing)
        return false;
    growing->growth->whole = true;
    need->subject = growing;
    node_hold(&fs->nodes, place.node);
    return true;
}

enum readiness ready_listing(struct request *request, struct place place, struct listing **listing,
                             int *error_number)
{
    derive(request->fs, place);
    *listing = derived_listing(place);
    if (listing_is_fresh(request, request->fs, place, *listing))
        return READY;
    enum readiness result =
        not_fresh(request, derived_source(place), *listing != NULL, CALL_LISTING, error_number);
    if (result == WAITING)
        need_listing(request, place);
    return result;
}

enum readiness ready_opening(struct request *request, struct place place, struct listing **listing,
                             int *error_number)
{
    struct place holders = link_holders(place);
    enum readiness result =
        holders.node ? ready_listing(request, holders, listing, error_number) : READY;
    if (result != READY)
        return result;
    struct listing *growing = growing_at(request, request->fs, place);
    derive(request->fs, place);
    *listing = derived_listing(place);
    if (*listing || !growing || growing->growth->slow)
        return ready_listing(request, place, listing, error_number);
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
    if (now - facet->burst_began > SECOND) {
        facet->burst_began = now;
        facet->burst = 0;
    }
    return facet->burst++ >= BURST;
}

/* One entry, or the whole directory when so many entries were asked for that a listing is cheaper,
 * or when the file name does not tell the server's. */
static void need_entry(struct request *request, struct place place, const char *name)
{
    struct listing *listing = derived_listing(place);
    const struct facet *facet = node_find_facet(place.node, place.member);
    const struct directory *row = directory_of(place);
    bool listing_pays = listing && facet->singles > listing->count / LISTING_ROWS;
    if (place.node->kind == NODE_VERSION)
        listing_pays = file_tree_pays_listing(place.node, facet);
    if (!row->find || name_needs_listing(name) || (listing_pays && row->list)) {
        need_listing(request, place);
    } else if (row->list && place.node->kind != NODE_VERSION &&
               page_may_pay(node_facet(place.node, place.member))) {
        need(request, &refresh_listing, place, "");
        request->need.subject = ready_growing(request->fs, request, place);
    } else {
        need(request, &refresh_entry, place, name);
    }
}

/* By its own time, or as part of a listing that is fresh. */
static bool node_is_fresh(const struct request *request, const struct filesystem *fs,
                          const struct node *node)
{
    struct place place = {node->parent, node->member};
    if (node->fetched < node->forgotten && !is_answer_to(request, node->fetched))
        return false;
    if (is_fresh(request, fs, node->parent, node->member, node->fetched))
        return true;
    const struct listing *listing = derived_listing(place);
    if (listing && node->fetched >= listing->fetched &&
        listing_is_fresh(request, fs, place, listing))
        return true;
    const struct listing *growing = growing_at(request, fs, place);
    return growing && node->fetched >= growing->fetched;
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
    if (node_is_fresh(request, request->fs, node))
        return READY;
    enum readiness result = not_fresh(request, place, true, CALL_LOOKUP, error_number);
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
    if (is_answer_to(request, node->fetched))
        return READY;
    if (!ready_is_forgotten(node, MEMBER_SELF, node->fetched) &&
        clock_nanoseconds() - node->fetched < RECENT_SECONDS * SECOND)
        return READY;
    if (directory_of(place)->find)
        need(request, &refresh_entry, place, node->name);
    else
        need_listing(request, place);
    request->need.opening = true;
    return WAITING;
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

struct node *ready_known_entry(struct filesystem *fs, struct place place, const char *name)
{
    derive(fs, place);
    struct node *entry = node_find(&fs->nodes, place.node, place.member, name);
    const struct facet *facet = node_find_facet(place.node, place.member);
    struct listing *listing = derived_listing(place);
    if (!entry && listing && listing->fetched >= facet->changed)
        entry = entry_from_listing(fs, place, listing, name);
    return entry ? entry : entry_from_listing(fs, place, growing_at(NULL, fs, place), name);
}

void ready_note_entry(struct filesystem *fs, struct place place, const char *name, int64_t gone)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    derive(fs, place);
    listing_note_gone(derived_listing(place), name, gone);
    if (facet)
        listing_note_gone(facet->growing, name, gone);
}

/* Whether the server was asked for that entry alone so shortly ago that nobody asks again. */
static bool is_just_gone(const struct filesystem *fs, struct place place, const char *name)
{
    const struct listing *listing = derived_listing(place);
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    return entry && entry->gone && !ready_is_forgotten(place.node, place.member, entry->gone) &&
           clock_nanoseconds() - entry->gone <
               (int64_t)(fs->options->negative_ttl * (double)SECOND);
}

/* Whether a complete listing is known, which shows our own changes, and had nothing of that name.
 */
static bool last_listing_lacks(struct place place, const char *name)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    const struct listing *listing = derived_listing(place);
    const struct entry *entry = listing ? listing_find(listing, name) : NULL;
    return listing && listing->fetched >= facet->changed && (!entry || entry->gone);
}

static enum readiness find_entry(struct request *request, struct place place, const char *name,
                                 struct node **entry, int *error_number)
{
    struct filesystem *fs = request->fs;
    *entry = ready_known_entry(fs, place, name);
    if (*entry)
        return READY;
    *error_number = ENOENT;
    if (listing_is_fresh(request, fs, place, derived_listing(place)) ||
        is_just_gone(fs, place, name))
        return FAILED;
    bool was_absent = last_listing_lacks(place, name);
    enum readiness result = not_fresh(request, place, was_absent, CALL_LOOKUP, error_number);
    if (result == READY) {
        if (request->failure.kind == ERROR_NONE) /* what nobody has confirmed is not to be kept */
            error_set(&request->failure, ERROR_TIMEOUT, "the server is silent");
        *error_number = ENOENT;
        return FAILED;
    }
    if (result == FAILED)
        return FAILED;
    if (!was_absent)
        request->deadline = request->started + LOOKUP_SECONDS * SECOND;
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
    const struct listing *listing = derived_listing(place);
    if (listing_is_fresh(request, fs, place, listing)) {
        *since = listing->fetched;
        return READY;
    }
    if (is_fresh(request, fs, place.node, place.member, *since))
        return READY;
    if (request->failure.kind == ERROR_NOT_FOUND || strlen(name) > NAME_LIMIT) {
        *since = request->started;
        return READY;
    }
    bool was_absent = *since != 0 || last_listing_lacks(place, name);
    enum readiness result = not_fresh(request, place, was_absent, CALL_LOOKUP, error_number);
    if (result == READY && !*since)
        *since = listing->fetched;
    if (result != WAITING)
        return result;
    if (!was_absent)
        request->deadline = request->started + LOOKUP_SECONDS * SECOND;
    if (!directory_of(place)->find || name_needs_listing(name))
        need_listing(request, place);
    else
        need(request, &refresh_entry, place, name);
    return WAITING;
}

double ready_seconds_left(struct filesystem *fs, const struct node *node)
{
    const double nanoseconds = (double)SECOND;
    if (!node->parent || !directory_row(node->parent->kind, node->member))
        return (double)fs->options->ttl;
    if (node->gone || ready_is_forgotten(node->parent, node->member, node->fetched) ||
        node->fetched < node->forgotten)
        return 0;
    if (node->kind == NODE_PROVENANCE)
        return provenance_seconds_left(fs, node);
    if (directory_row(node->parent->kind, node->member)->immutable)
        return IMMUTABLE_SECONDS;
    double age = (double)(clock_nanoseconds() - link_fetched(fs, node)) / nanoseconds;
    if (age < fs->options->ttl)
        return fs->options->ttl - age;
    return node_is_fresh(NULL, fs, node) ? 1 : 0;
}
