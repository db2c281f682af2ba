/* SPDX-License-Identifier: MIT */
#include "local.h"

#include "base/clock.h"
#include "hash.h"
#include "member.h"

static void free_local(void *own)
{
    struct local *local = own;
    buf_release(&local->text);
    object_unref(local->base);
    free(local);
}

struct local *local_of(const struct node *node)
{
    if (!node || node->kind != NODE_LOCAL)
        return NULL;
    return node_find_facet(node, MEMBER_SELF)->own;
}

struct node *local_new(struct filesystem *fs, struct place directory, const char *name, mode_t mode,
                       size_t ceiling)
{
    struct local *local = calloc(1, sizeof *local);
    if (!local)
        return NULL;
    buf_init(&local->text, ceiling);
    local->mode = mode;
    local_touch(local);
    /* Two mounts must not give the same inode numbers: vim takes equal ones for the same file. */
    int64_t moment[] = {clock_nanoseconds(), fs->mounted_at.tv_nsec, fs->mounted_at.tv_sec};
    struct node *node =
        node_install(&fs->nodes, directory, NODE_LOCAL, name, NULL,
                     hash_bytes((uint64_t)getpid(), moment, sizeof moment), clock_nanoseconds());
    struct facet *facet = node ? node_facet(node, MEMBER_SELF) : NULL;
    if (!facet) {
        free_local(local);
        if (node)
            node_remove(&fs->nodes, node);
        return NULL;
    }
    facet->own = local;
    facet->free_own = free_local;
    node_hold(&fs->nodes, node);
    return node;
}

void local_remove(struct filesystem *fs, struct node *node)
{
    if (node->gone)
        return;
    node_remove(&fs->nodes, node);
    node_drop(&fs->nodes, node);
}

void local_use(struct local *local)
{
    local->used = clock_nanoseconds();
}

void local_touch(struct local *local)
{
    local_use(local);
    clock_gettime(CLOCK_REALTIME, &local->modified);
}

bool local_is_directory(struct place place)
{
    switch (place.node->kind) {
    case NODE_REGISTRY:
        return place.member == MEMBER_SELF;
    case NODE_CONTROL:
        return place.member == MEMBER_UNSAVED;
    default:
        return place.node->kind == NODE_LOCAL && S_ISDIR(local_of(place.node)->mode);
    }
}

struct listing *local_listing(struct place place)
{
    struct listing *listing = listing_new(clock_nanoseconds());
    bool good = listing != NULL;
    for (const struct node *child = place.node->first_child; good && child;
         child = child->next_sibling) {
        if (child->member == place.member && child->kind == NODE_LOCAL && !child->gone &&
            !local_of(child)->unlisted)
            good = listing_add_named(listing, child->name, NULL);
    }
    if (good)
        return listing;
    listing_unref(listing);
    return NULL;
}

void local_stat(const struct node *node, struct stat *out)
{
    const struct local *local = local_of(node);
    out->st_mode = local->mode;
    out->st_size = (off_t)local->text.size;
    out->st_nlink = node->gone ? 0 : 1;
    out->st_atim = out->st_mtim = out->st_ctim = local->modified;
}
