/* SPDX-License-Identifier: MIT */
#include "roster.h"

#include "base/clock.h"

/* The object of a list's directory: a member that is nobody. */
static bool add_roster(struct object_list *found, bool is_team)
{
    return object_list_steal(found,
                             registry_member_new(&(struct registry_member){.is_team = is_team}));
}

static bool is_roster(const struct registry_member *member)
{
    return member->id.size == 0;
}

int roster_list(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                struct page *page, struct object_list *found)
{
    struct member_lists lists = {0};
    page->done = true; /* they come without pages */
    int result = client_list_members(fs->client, call, lineage->registry, &lists);
    bool good = (!lists.has_people || add_roster(found, false)) &&
                (!lists.has_teams || add_roster(found, true));
    for (size_t i = 0; good && i < lists.found.count; i++)
        good = object_list_steal(found, object_ref(lists.found.items[i]));
    object_list_release(&lists.found);
    if (result != 0)
        return -1;
    if (!good)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    pthread_mutex_lock(&fs->nodes.lock);
    fs->members_lacking = !lists.has_people && !lists.has_teams;
    pthread_mutex_unlock(&fs->nodes.lock);
    return 0;
}

bool roster_add(struct listing *listing, const struct lineage *lineage, const void *object,
                bool *duplicate)
{
    (void)lineage, (void)duplicate;
    const struct registry_member *member = object;
    if (is_roster(member))
        return listing_add_named(listing, member->is_team ? "teams" : "users", object);
    return object_list_steal(&listing->below, object_ref(object));
}

struct listing *roster_below(const struct listing *members, const void *roster)
{
    bool duplicate, is_team = ((const struct registry_member *)roster)->is_team;
    struct listing *listing = listing_new(members->fetched);
    bool good = listing != NULL;
    for (size_t i = 0; good && i < members->below.count; i++) {
        const struct registry_member *member = members->below.items[i];
        good = member->is_team != is_team || listing_add(listing, member->name, member, &duplicate);
    }
    if (good) {
        listing->completed = members->completed;
        return listing;
    }
    listing_unref(listing);
    return NULL;
}
