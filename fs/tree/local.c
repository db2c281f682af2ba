/* SPDX-License-Identifier: MIT */
#include "local.h"

#include "base/clock.h"
#include "report/hash.h"
#include "row.h"
#include "text/name.h"

/* What a node of kind NODE_LOCAL keeps. */
struct own {
    struct local local;
    struct node *file; /* held: this is a further name of it; NULL: this is a file */
};

static void free_own(void *memory)
{
    struct own *own = memory;
    buf_release(&own->local.text);
    object_unref(own->local.base);
    free(own);
}

static struct own *own_of(const struct node *node)
{
    return node_find_facet(node, MEMBER_SELF)->own;
}

struct node *local_file(struct node *node)
{
    struct node *file = node && node->kind == NODE_LOCAL ? own_of(node)->file : NULL;
    return file ? file : node;
}

bool local_is_further_name(const struct node *node)
{
    return node->kind == NODE_LOCAL && own_of(node)->file;
}

struct local *local_of(const struct node *node)
{
    if (!node || node->kind != NODE_LOCAL)
        return NULL;
    const struct node *file = own_of(node)->file;
    return &own_of(file ? file : node)->local;
}

struct node *local_new(struct filesystem *fs, struct place directory, const char *name, mode_t mode,
                       size_t ceiling)
{
    struct own *own = calloc(1, sizeof *own);
    if (!own)
        return NULL;
    struct local *local = &own->local;
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
        free_own(own);
        if (node)
            node_remove(&fs->nodes, node);
        return NULL;
    }
    facet->own = own;
    facet->free_own = free_own;
    node_hold(&fs->nodes, node);
    return node;
}

bool local_link(struct filesystem *fs, struct node *node, const char *name)
{
    struct node *file = local_file(node);
    struct place directory = {file->parent, file->member};
    struct node *further = local_new(fs, directory, name, local_of(file)->mode, 0);
    if (!further)
        return false;
    node_hold(&fs->nodes, file);
    own_of(further)->file = file;
    local_of(file)->further_names++;
    return true;
}

static void take_out(struct filesystem *fs, struct node *node)
{
    node_remove(&fs->nodes, node);
    node_drop(&fs->nodes, node);
}

static struct node *further_name_of(const struct node *file)
{
    struct node *child = file->parent->first_child;
    while (child->kind != NODE_LOCAL || child->gone || own_of(child)->file != file)
        child = child->next_sibling;
    return child;
}

static void remove_further_name(struct filesystem *fs, struct node *node)
{
    struct node *file = own_of(node)->file;
    local_of(file)->further_names--;
    take_out(fs, node);
    node_drop(&fs->nodes, file);
}

/* A file whose own name goes takes over one of the further ones. */
void local_remove(struct filesystem *fs, struct node *node)
{
    if (node->gone)
        return;
    if (own_of(node)->file) {
        remove_further_name(fs, node);
        return;
    }
    char name[NAME_LIMIT + 1];
    if (local_of(node)->further_names == 0) {
        take_out(fs, node);
        return;
    }
    struct node *further = further_name_of(node);
    snprintf(name, sizeof name, "%s", further->name);
    remove_further_name(fs, further);
    if (!node_rename(&fs->nodes, node, name))
        take_out(fs, node);
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
    out->st_nlink = node->gone ? 0 : 1 + local->further_names;
    out->st_atim = out->st_mtim = out->st_ctim = local->modified;
}
