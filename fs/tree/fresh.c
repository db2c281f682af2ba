/* SPDX-License-Identifier: MIT */
#include "fresh.h"

#include "base/clock.h"
#include "directory.h"
#include "report/options.h"
#include "wait/request.h"

bool fresh_is_forgotten(const struct node *node, uint8_t member, int64_t fetched)
{
    for (; node; member = node->member, node = node->parent) {
        const struct facet *facet = node_find_facet(node, member);
        if (fetched < node->forgotten || (facet && fetched < facet->forgotten))
            return true;
    }
    return false;
}

int64_t fresh_time_to_live(const struct filesystem *fs)
{
    return (int64_t)(fs->options->ttl * (double)CLOCK_SECOND);
}

bool fresh_answer(const struct request *request, int64_t fetched)
{
    return request && fetched >= request->started;
}

bool fresh_reading(const struct request *request, const struct filesystem *fs,
                   const struct node *node, uint8_t member, int64_t fetched)
{
    if (fresh_answer(request, fetched))
        return true;
    if (!fetched || fresh_is_forgotten(node, member, fetched))
        return false;
    const struct directory *row = directory_row(node->kind, member);
    if (row && row->immutable)
        return true;
    return clock_nanoseconds() - fetched < fresh_time_to_live(fs);
}

/*
 * A listing that took longer than half its lifetime would be out of date when it arrives, and a
 * walker would list for ever: it is good for as long again as it took.
 */
bool fresh_listing(const struct request *request, const struct filesystem *fs, struct place place,
                   const struct listing *listing)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    if (!listing || listing->fetched < facet->changed)
        return false;
    if (fresh_reading(request, fs, place.node, place.member, listing->fetched))
        return true;
    int64_t took = listing->completed - listing->fetched;
    return took * 2 > fresh_time_to_live(fs) && fs->options->ttl > 0 &&
           !fresh_is_forgotten(place.node, place.member, listing->fetched) &&
           clock_nanoseconds() - listing->completed < took;
}

struct listing *fresh_last_listing(struct place place)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    return facet ? facet->listing : NULL;
}

/* Whether a listing on its way is still worth going on with: it is younger than the time to live,
 * or the last page of it is. */
static bool growing_is_fresh(const struct request *request, const struct filesystem *fs,
                             struct place place, const struct listing *growing)
{
    return fresh_reading(request, fs, place.node, place.member, growing->fetched) ||
           (growing->fetched && !fresh_is_forgotten(place.node, place.member, growing->fetched) &&
            clock_nanoseconds() - growing->growth->progressed < fresh_time_to_live(fs));
}

struct listing *fresh_growing(struct filesystem *fs, const struct request *request,
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

struct listing *fresh_part(const struct request *request, const struct filesystem *fs,
                           struct place place)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    struct listing *growing = facet ? facet->growing : NULL;
    if (!growing || !growing->growth->pages || growing->fetched < facet->changed ||
        !growing_is_fresh(request, fs, place, growing))
        return NULL;
    return growing;
}

bool fresh_node(const struct request *request, const struct filesystem *fs, const struct node *node)
{
    struct place place = {node->parent, node->member};
    if (node->fetched < node->forgotten && !fresh_answer(request, node->fetched))
        return false;
    if (fresh_reading(request, fs, node->parent, node->member, node->fetched))
        return true;
    const struct listing *listing = fresh_last_listing(place);
    if (listing && node->fetched >= listing->fetched && fresh_listing(request, fs, place, listing))
        return true;
    const struct listing *growing = fresh_part(request, fs, place);
    return growing && node->fetched >= growing->fetched;
}
