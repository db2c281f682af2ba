/* SPDX-License-Identifier: MIT */
#include "role_change.h"

#include "base/clock.h"
#include "report/options.h"
#include "tree/directory.h"
#include "tree/kernel_cache.h"
#include "tree/room.h"

/* No listing shows who is yet to be added, and none takes the file away. */
static const int64_t NEVER_LISTED = INT64_MAX;

void role_outdate(struct node *roster)
{
    int64_t now = clock_nanoseconds();
    struct facet *own = node_facet(roster, MEMBER_SELF);
    struct facet *source = node_facet(roster->parent, MEMBER_MEMBERS);
    if (own)
        own->changed = now;
    if (source)
        source->changed = now;
}

/* The name leads to nobody any more. Needs nodes->lock. */
static void forget_name(struct filesystem *fs, struct node *node)
{
    if (node->gone)
        return;
    kernel_cache_remove_entry(fs, node);
    node_remove(&fs->nodes, node);
}

/* What a question has shown, asked then; NULL: no member any more. */
static void learn(struct change *change, const struct registry_member *now, int64_t asked)
{
    struct node *node = change->node;
    pthread_mutex_lock(&change->fs->nodes.lock);
    if (!node_is_newer(node, asked) && now) {
        change_show(change, now, asked);
    } else if (!node_is_newer(node, asked)) {
        role_outdate(node->parent);
        forget_name(change->fs, node);
    }
    pthread_mutex_unlock(&change->fs->nodes.lock);
}

int role_change_read(struct change *change, struct call *call, struct registry_member **now)
{
    const struct registry_member *base = change->base;
    struct member_lists lists = {0};
    struct lineage lineage;
    struct call limited = change_question(change, call);
    change_lineage(change, &lineage);
    int64_t asked = clock_nanoseconds();
    int result = client_list_members(change->fs->client, &limited, lineage.registry, &lists);
    *now = result == 0 ? member_lists_find(&lists, base) : NULL;
    if (result == 0 && base->role.size > 0)
        learn(change, *now, asked);
    if (result == 0 && !*now && base->role.size == 0)
        *now = object_ref(base);
    else if (result == 0 && !*now)
        result = error_set(call->error, ERROR_STALE,
                           "somebody else has removed this member meanwhile; nothing was sent");
    object_list_release(&lists.found);
    lineage_release(&lineage);
    return result;
}

static void show(struct change *change, const struct registry_member *now, int64_t asked)
{
    pthread_mutex_lock(&change->fs->nodes.lock);
    role_outdate(change->node->parent);
    if (now) {
        change->node->changed = clock_nanoseconds();
        change_show(change, now, asked);
    }
    pthread_mutex_unlock(&change->fs->nodes.lock);
}

int role_change_send(struct change *change, struct call *call, const struct registry_member *now,
                     struct text role)
{
    struct registry_member *after = NULL;
    struct lineage lineage;
    change_lineage(change, &lineage);
    int64_t asked = clock_nanoseconds();
    int result = client_set_role(change->fs->client, call, lineage.registry, now, role, &after);
    lineage_release(&lineage);
    change->outcome = after;
    show(change, after, asked);
    return result;
}

bool role_is_pending(const struct node *node)
{
    return node->kind == NODE_ROLE && node->changed == NEVER_LISTED;
}

struct node *role_begin(struct filesystem *fs, struct place roster, const char *name,
                        const struct registry_member *nobody)
{
    const struct directory *row = directory_of(roster);
    struct node *node = node_install(&fs->nodes, roster, row->child, name, nobody,
                                     directory_identity(row, name, nobody), clock_nanoseconds());
    if (node)
        node->changed = NEVER_LISTED;
    return node;
}

void role_change_give_up(struct filesystem *fs, struct place place)
{
    const struct attribute *attribute = room_find_attribute(place);
    if (role_is_pending(place.node) && !(attribute && attribute->writers))
        forget_name(fs, place.node);
}
