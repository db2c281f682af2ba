/* SPDX-License-Identifier: MIT */
#include "place.h"

#include "access.h"
#include "base/clock.h"
#include "directory.h"
#include "kernel_cache.h"
#include "lifetime.h"
#include "link.h"
#include "local.h"
#include "member.h"
#include "open_file.h"
#include "query.h"
#include "report/errnos.h"
#include "report/options.h"
#include "room.h"

#include <errno.h>
#include <unistd.h>

enum { MEMBER_LIFETIME = 3600 /* seconds; the names of members never change */ };

static bool is_mount_root(const struct filesystem *fs, struct place place)
{
    return place.node == fs->nodes.mount_root.node && place.member == fs->nodes.mount_root.member;
}

#define SHOWN_INSTEAD "%2Eregistryfs"

const char *place_shown_name(const struct filesystem *fs, struct place directory, const char *name)
{
    bool hidden = strcmp(name, NAME_OF_CONTROL) == 0 && is_mount_root(fs, directory);
    return hidden ? SHOWN_INSTEAD : name;
}

/* An object's name, or one that a registry of the organization has had: also when nobody can say
 * whether another one has it now. */
static enum readiness find_object(struct request *request, struct place directory, const char *name,
                                  struct node **found, int *error_number)
{
    struct filesystem *fs = request->fs;
    enum readiness readiness = ready_entry(request, directory, name, found, error_number);
    if (directory.node->kind != NODE_ORGANIZATION || readiness == WAITING)
        return readiness;
    if (readiness == READY) {
        former_name_drop(&fs->former_names, &fs->nodes, directory, name);
        return READY;
    }
    if (*error_number != ENOENT && !errno_allows_stale(request->failure.kind))
        return FAILED;
    struct node *registry =
        former_name_find(&fs->former_names, &fs->nodes, directory, name, request->process,
                         request->only_looks, clock_nanoseconds());
    if (!registry)
        return FAILED;
    *found = registry;
    return READY;
}

/* A member's name looks absent for a moment after an editor has moved it away. */
static enum readiness find_shown(struct request *request, struct place directory, const char *name,
                                 struct node **found, int *error_number)
{
    enum readiness readiness = find_object(request, directory, name, found, error_number);
    bool hidden = readiness == READY && (*found)->kind == NODE_ROLE &&
                  room_hides((struct place){*found, MEMBER_SELF});
    if (hidden)
        *error_number = ENOENT;
    return hidden ? FAILED : readiness;
}

enum readiness place_find(struct request *request, struct place directory, const char *name,
                          struct place *found, int *error_number)
{
    struct filesystem *fs = request->fs;
    bool query = query_is_asked(directory, name);
    *error_number = strlen(name) > (query ? QUERY_NAME_LIMIT : NAME_LIMIT) ? ENAMETOOLONG : ENOENT;
    if (*error_number == ENAMETOOLONG)
        return FAILED;
    if (directory.node->gone) {
        *error_number = ESTALE; /* the kernel walks the whole path once more */
        return FAILED;
    }
    if (is_mount_root(fs, directory) && strcmp(name, NAME_OF_CONTROL) == 0) {
        *found = (struct place){fs->control, MEMBER_SELF};
        return READY;
    }
    if (directory.member == MEMBER_SELF) {
        const struct member *row = member_by_name(directory.node->kind, name);
        if (row) {
            *found = (struct place){directory.node, row->id};
            return place_is_hidden(fs, *found) ? FAILED : READY;
        }
    }
    if (is_mount_root(fs, directory) && strcmp(name, SHOWN_INSTEAD) == 0)
        name = NAME_OF_CONTROL;
    *found = (struct place){0};
    if (query)
        return query_find(request, directory, name, &found->node, error_number);
    if (!directory_of(directory)) {
        found->node = local_file(node_find(&fs->nodes, directory.node, directory.member, name));
        return found->node ? READY : FAILED;
    }
    return find_shown(request, directory, name, &found->node, error_number);
}

bool place_has_other_name(struct place place, const char *name)
{
    return place.member == MEMBER_SELF && place.node->kind == NODE_REGISTRY &&
           strcmp(place.node->name, name) != 0;
}

bool place_is_hidden(const struct filesystem *fs, struct place place)
{
    bool members = place.node->kind == NODE_REGISTRY && place.member == MEMBER_MEMBERS;
    return members ? fs->members_lacking : room_hides(place);
}

/* The directory that a place is an entry of. */
static struct place place_directory(const struct filesystem *fs, struct place place)
{
    if (place.member != MEMBER_SELF)
        return (struct place){place.node, MEMBER_SELF};
    if (place.node == fs->control || !place.node->parent)
        return fs->nodes.mount_root;
    return (struct place){place.node->parent, place.node->member};
}

bool place_entry(struct filesystem *fs, struct place place, struct buf *scratch,
                 struct fuse_entry_param *entry)
{
    *entry = (struct fuse_entry_param){.ino = node_id(&fs->nodes, place),
                                       .generation = place.node->generation};
    if (!place_stat(fs, place, scratch, &entry->attr))
        return false;
    double left = lifetime_left(fs, place.node);
    bool changeable = place.node->kind == NODE_CONTROL || (entry->attr.st_mode & S_IWUSR);
    entry->attr_timeout = changeable && S_ISREG(entry->attr.st_mode) ? 0 : left;
    entry->entry_timeout = place.member == MEMBER_SELF ? left : MEMBER_LIFETIME;
    if (access_asks_each_time(fs, place_directory(fs, place)))
        entry->entry_timeout = 0;
    /* Renames move the kernel's entries of these, not ours. */
    if (place.node->kind == NODE_LOCAL || place.node->kind == NODE_ROLE ||
        (place.node->kind == NODE_REGISTRY && S_ISREG(entry->attr.st_mode) && changeable))
        entry->attr_timeout = entry->entry_timeout = 0;
    if (entry->attr_timeout > 0 && open_file_mixes(fs, place))
        entry->attr_timeout = 0;
    if (entry->attr_timeout > 0)
        place.node->told |= node_bit(place.member);
    place.node->named |= entry->entry_timeout > 0;
    return true;
}

/* Whether the place lies in collections/ or versions/ of a registry, or in the result of a query.
 */
static bool in_read_only_tree(struct place place)
{
    if (node_is_query(place.node) || (place.node->parent && node_is_query(place.node->parent)))
        return true;
    if (place.node->kind == NODE_REGISTRY)
        return place.member == MEMBER_COLLECTIONS || place.member == MEMBER_VERSIONS ||
               place.member == MEMBER_MEMBERS;
    if (place.node->kind == NODE_LOCAL || place.node->kind == NODE_ROSTER ||
        place.node->kind == NODE_ROLE)
        return false;
    return node_ancestor(place.node, NODE_REGISTRY) != NULL;
}

int place_refuses_change(const struct request *request, struct place place)
{
    if (request->fs->options->read_only || in_read_only_tree(place))
        return EROFS;
    if (access_is_refused(request, place, W_OK))
        return EACCES;
    if (place.node->gone && place.node->kind != NODE_LOCAL &&
        S_ISDIR(place_mode(request->fs, place)))
        return ESTALE;
    if (place.node->kind == NODE_ROOT || place.node->kind == NODE_CONTROL)
        return EPERM;
    bool scratch = place.node->kind == NODE_LOCAL && (place.node->parent->kind == NODE_REGISTRY ||
                                                      place.node->parent->kind == NODE_ROSTER);
    return scratch || (place_mode(request->fs, place) & S_IWUSR) ? 0 : EACCES;
}

int place_refuses_look(const struct request *request, struct place place, int mask)
{
    return access_is_refused(request, place, mask) ? EACCES : 0;
}

typedef void forget_node(struct filesystem *fs, struct node *node);

static void each_below(struct filesystem *fs, struct node *node, forget_node *forget)
{
    for (struct node *child = node->first_child; child; child = child->next_sibling) {
        if (child->lookups)
            forget(fs, child);
        each_below(fs, child, forget);
    }
}

void place_forget(struct filesystem *fs, struct place place)
{
    int64_t now = clock_nanoseconds();
    struct node *node = place.node;
    if (place.member == MEMBER_SELF) {
        node->forgotten = now;
        kernel_cache_forget_attributes(fs, node);
    } else {
        /* What its entries come from beside its own listing. */
        uint8_t beside = place.member == MEMBER_ALIASES ? MEMBER_VERSIONS : place.member;
        if (link_holders(place).node)
            beside = link_holders(place).member;
        struct facet *facet = node_facet(node, place.member);
        struct facet *source = node_facet(node, beside);
        if (facet)
            facet->forgotten = now;
        if (source)
            source->forgotten = now;
    }
    each_below(fs, node, kernel_cache_forget_attributes);
}

void place_note_missing(struct filesystem *fs, struct place directory)
{
    if (directory.node)
        directory.node->missing_until =
            clock_nanoseconds() + (int64_t)(fs->options->negative_ttl * 1e9);
}

/* What the kernel knows to be missing in a directory goes with the directory's own name only. */
static void forget_name(struct filesystem *fs, struct node *node)
{
    if (node->missing_until > clock_nanoseconds())
        kernel_cache_remove_entry(fs, node);
    else
        kernel_cache_expire_entry(fs, node);
}

void place_forget_names(struct filesystem *fs, struct place place)
{
    const struct member *member = member_by_id(place.node->kind, place.member);
    if (!member && place.node->lookups && place.node->parent)
        forget_name(fs, place.node);
    if (member && place.node->missing_until > clock_nanoseconds())
        kernel_cache_remove_name(fs, (struct place){place.node, MEMBER_SELF}, member->name);
    each_below(fs, place.node, forget_name);
}
