/* SPDX-License-Identifier: MIT */
#include "node.h"

#include "base/banned.h"
#include "base/clock.h"
#include "report/hash.h"

#include <sys/random.h>

enum {
    MEMBER_BITS = 8,
    MOUNT_ROOT_ID = 1,
    SMALLEST_TABLE = 256,
    MOST_UNUSED = 4096, /* nodes kept although nobody refers to them: what was read stays at hand */
};

static size_t bucket_of(const struct nodes *nodes, const struct node *parent, uint8_t member,
                        const char *name)
{
    uint64_t seed = (uint64_t)parent->number << MEMBER_BITS | member;
    return hash_bytes(seed, name, strlen(name)) & (nodes->bucket_count - 1);
}

static void bucket_insert(struct nodes *nodes, struct node *node)
{
    size_t bucket = bucket_of(nodes, node->parent, node->member, node->name);
    node->next_in_bucket = nodes->buckets[bucket];
    nodes->buckets[bucket] = node;
    nodes->named++;
}

static void bucket_remove(struct nodes *nodes, struct node *node)
{
    struct node **at = &nodes->buckets[bucket_of(nodes, node->parent, node->member, node->name)];
    while (*at != node)
        at = &(*at)->next_in_bucket;
    *at = node->next_in_bucket;
    nodes->named--;
}

static void grow_buckets(struct nodes *nodes)
{
    size_t count = nodes->bucket_count * 2;
    struct node **buckets = calloc(count, sizeof *buckets);
    if (!buckets)
        return; /* longer chains, still right */
    struct node **old = nodes->buckets;
    size_t old_count = nodes->bucket_count;
    nodes->buckets = buckets;
    nodes->bucket_count = count;
    nodes->named = 0;
    for (size_t i = 0; i < old_count; i++) {
        for (struct node *node = old[i], *next; node; node = next) {
            next = node->next_in_bucket;
            bucket_insert(nodes, node);
        }
    }
    free(old);
}

/* Free numbers are linked through by_number, marked by a bit that no pointer has. */
static struct node *free_link(uint32_t next)
{
    return (struct node *)((uintptr_t)next << 1 | 1);
}

static bool is_free(const struct node *entry)
{
    return (uintptr_t)entry & 1;
}

/* A free number: one of a node that was released, or a new one. 0: no memory. */
static uint32_t take_number(struct nodes *nodes, struct node *node)
{
    if (nodes->numbers == nodes->numbers_capacity) {
        uint32_t capacity = nodes->numbers_capacity * 2;
        struct node **table = realloc(nodes->by_number, capacity * sizeof(struct node *));
        if (!table)
            return 0;
        nodes->by_number = table;
        nodes->numbers_capacity = capacity;
    }
    uint32_t number = nodes->free_number;
    if (number)
        nodes->free_number = (uint32_t)((uintptr_t)nodes->by_number[number] >> 1);
    else
        number = nodes->numbers++;
    nodes->by_number[number] = node;
    node->generation = nodes->next_generation++;
    return number;
}

bool nodes_init(struct nodes *nodes, uint64_t seed)
{
    *nodes = (struct nodes){.numbers = 1, .numbers_capacity = SMALLEST_TABLE};
    /* Without randomness, which no kernel of ours lacks, the time will do. */
    if (getrandom(&nodes->next_generation, sizeof nodes->next_generation, GRND_NONBLOCK) < 0)
        nodes->next_generation = (uint32_t)clock_nanoseconds();
    pthread_mutex_init(&nodes->lock, NULL);
    nodes->by_number = calloc(SMALLEST_TABLE, sizeof(struct node *));
    nodes->buckets = calloc(SMALLEST_TABLE, sizeof(struct node *));
    nodes->bucket_count = SMALLEST_TABLE;
    nodes->root = calloc(1, sizeof *nodes->root);
    if (!nodes->by_number || !nodes->buckets || !nodes->root)
        return false;
    nodes->root->number = take_number(nodes, nodes->root);
    nodes->root->name = strdup("");
    nodes->root->kind = NODE_ROOT;
    nodes->root->identity = hash_bytes(seed, "root", 4);
    nodes->root->holds = 2;
    nodes->count = 1;
    nodes->mount_root = (struct place){nodes->root, MEMBER_SELF};
    return nodes->root->name != NULL;
}

static void free_facets(struct node *node)
{
    for (struct facet *facet = node->facets, *next; facet; facet = next) {
        next = facet->next;
        listing_unref(facet->listing);
        listing_unref(facet->growing);
        free(facet->deeds);
        if (facet->free_own)
            facet->free_own(facet->own);
        free(facet);
    }
}

static void free_node(struct node *node)
{
    free_facets(node);
    object_unref(node->object);
    free(node->name);
    free(node);
}

void nodes_release(struct nodes *nodes)
{
    for (uint32_t i = 1; nodes->by_number && i < nodes->numbers; i++) {
        struct node *node = node_at(nodes, i);
        if (node)
            free_node(node);
    }
    free(nodes->by_number);
    free(nodes->buckets);
    pthread_mutex_destroy(&nodes->lock);
}

uint64_t node_id(const struct nodes *nodes, struct place place)
{
    if (place.node == nodes->mount_root.node && place.member == nodes->mount_root.member)
        return MOUNT_ROOT_ID;
    return (uint64_t)place.node->number << MEMBER_BITS | place.member;
}

struct node *node_at(const struct nodes *nodes, uint64_t number)
{
    bool used = number > 0 && number < nodes->numbers && !is_free(nodes->by_number[number]);
    return used ? nodes->by_number[number] : NULL;
}

struct place node_place(const struct nodes *nodes, uint64_t id)
{
    if (id == MOUNT_ROOT_ID)
        return nodes->mount_root;
    return (struct place){node_at(nodes, id >> MEMBER_BITS), (uint8_t)id};
}

uint64_t node_inode_number(struct place place)
{
    /* The two upper bits are for filesystems that are laid over this one (overlayfs: xino=on). */
    uint64_t number = hash_bytes(place.node->identity, &place.member, sizeof place.member) >> 2;
    return number > 1 ? number : number + 2;
}

static void unused_remove(struct nodes *nodes, struct node *node)
{
    if (!node->unused)
        return;
    *(node->older ? &node->older->newer : &nodes->oldest_unused) = node->newer;
    *(node->newer ? &node->newer->older : &nodes->newest_unused) = node->older;
    node->older = node->newer = NULL;
    node->unused = false;
    nodes->unused--;
}

static void unused_append(struct nodes *nodes, struct node *node)
{
    node->unused = true;
    node->older = nodes->newest_unused;
    node->newer = NULL;
    *(node->older ? &node->older->newer : &nodes->oldest_unused) = node;
    nodes->newest_unused = node;
    nodes->unused++;
}

/* What nobody can find again is the first to be released. */
static void unused_prepend(struct nodes *nodes, struct node *node)
{
    node->unused = true;
    node->newer = nodes->oldest_unused;
    node->older = NULL;
    *(node->newer ? &node->newer->older : &nodes->newest_unused) = node;
    nodes->oldest_unused = node;
    nodes->unused++;
}

static void unlink_child(struct node *node)
{
    *node->link_to_this = node->next_sibling;
    if (node->next_sibling)
        node->next_sibling->link_to_this = node->link_to_this;
}

/* A node that nobody refers to stays until nodes_trim() comes to it. */
static void consider_unused(struct nodes *nodes, struct node *node)
{
    if (node->lookups || node->holds || node->unused)
        return;
    if (node->gone)
        unused_prepend(nodes, node);
    else
        unused_append(nodes, node);
}

static void release_node(struct nodes *nodes, struct node *node)
{
    unused_remove(nodes, node);
    if (!node->gone)
        bucket_remove(nodes, node);
    unlink_child(node);
    nodes->by_number[node->number] = free_link(nodes->free_number);
    nodes->free_number = node->number;
    nodes->count--;
    struct node *parent = node->parent;
    free_node(node);
    parent->holds--;
    consider_unused(nodes, parent);
}

void nodes_trim(struct nodes *nodes)
{
    while (nodes->unused > MOST_UNUSED || (nodes->oldest_unused && nodes->oldest_unused->gone))
        release_node(nodes, nodes->oldest_unused);
}

/* A query and an object may have the same name. */
static struct node *find(const struct nodes *nodes, const struct node *parent, uint8_t member,
                         const char *name, bool query)
{
    struct node *node = nodes->buckets[bucket_of(nodes, parent, member, name)];
    while (node && (node->parent != parent || node->member != member ||
                    node_is_query(node) != query || strcmp(node->name, name) != 0))
        node = node->next_in_bucket;
    return node;
}

struct node *node_find(const struct nodes *nodes, const struct node *parent, uint8_t member,
                       const char *name)
{
    return find(nodes, parent, member, name, false);
}

struct node *node_find_query(const struct nodes *nodes, const struct node *parent, uint8_t member,
                             const char *name)
{
    return find(nodes, parent, member, name, true);
}

static struct node *node_new(struct nodes *nodes, struct place directory, enum node_kind kind,
                             const char *name)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->name = strdup(name);
    node->number = node->name ? take_number(nodes, node) : 0;
    if (!node->number) {
        free(node->name);
        free(node);
        return NULL;
    }
    node->kind = (uint8_t)kind;
    node->parent = directory.node;
    node->member = directory.member;
    node_hold(nodes, node->parent);
    node->next_sibling = node->parent->first_child;
    node->link_to_this = &node->parent->first_child;
    if (node->next_sibling)
        node->next_sibling->link_to_this = &node->next_sibling;
    node->parent->first_child = node;
    bucket_insert(nodes, node);
    nodes->count++;
    if (nodes->named > nodes->bucket_count)
        grow_buckets(nodes);
    unused_append(nodes, node);
    return node;
}

static uint64_t origin_of(const struct node *parent, enum node_kind kind, uint64_t identity)
{
    return hash_bytes(identity ^ (uint64_t)kind, &parent->identity, sizeof parent->identity);
}

static void give_object(struct node *node, const void *object, uint64_t origin, int64_t fetched)
{
    void *old = node->object;
    if (old != object)
        node->pages = 0;
    node->object = object_ref(object);
    object_unref(old);
    node->fetched = fetched;
    node->origin = origin;
}

struct node *node_install(struct nodes *nodes, struct place directory, enum node_kind kind,
                          const char *name, const void *object, uint64_t identity, int64_t fetched)
{
    uint64_t origin = origin_of(directory.node, kind, identity);
    struct node *node = find(nodes, directory.node, directory.member, name, kind_is_query(kind));
    if (node && node->origin != origin && !node_is_newer(node, fetched)) {
        /* Another object has taken the name: whoever has the old one open keeps that. */
        node_remove(nodes, node);
        node = NULL;
    }
    if (!node)
        node = node_new(nodes, directory, kind, name);
    if (!node)
        return NULL;
    if (!node->identity)
        node->identity = origin;
    if (!node_is_newer(node, fetched))
        give_object(node, object, origin, fetched);
    return node;
}

void node_become(struct node *node, const void *object, uint64_t identity, int64_t fetched)
{
    give_object(node, object, origin_of(node->parent, node->kind, identity), fetched);
}

void node_remove(struct nodes *nodes, struct node *node)
{
    if (node->gone)
        return;
    bucket_remove(nodes, node);
    node->gone = true;
    nodes->registry_went |= (node->kind == NODE_REGISTRY || node->kind == NODE_ORGANIZATION) &&
                            node->first_child != NULL;
    if (node->unused) {
        unused_remove(nodes, node);
        consider_unused(nodes, node);
    }
}

bool node_rename(struct nodes *nodes, struct node *node, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        return false;
    struct node *other = node_find(nodes, node->parent, node->member, name);
    if (other && other != node)
        node_remove(nodes, other);
    if (!node->gone)
        bucket_remove(nodes, node);
    free(node->name);
    node->name = copy;
    node->gone = false;
    bucket_insert(nodes, node);
    return true;
}

void node_hold(struct nodes *nodes, struct node *node)
{
    unused_remove(nodes, node);
    node->holds++;
}

void node_drop(struct nodes *nodes, struct node *node)
{
    node->holds--;
    consider_unused(nodes, node);
}

void node_add_lookup(struct nodes *nodes, struct node *node)
{
    unused_remove(nodes, node);
    node->lookups++;
}

void node_forget(struct nodes *nodes, struct node *node, uint64_t lookups)
{
    node->lookups -= lookups < node->lookups ? lookups : node->lookups;
    consider_unused(nodes, node);
}

const struct facet *node_find_facet(const struct node *node, uint8_t member)
{
    const struct facet *facet = node->facets;
    while (facet && facet->member != member)
        facet = facet->next;
    return facet;
}

struct facet *node_facet(struct node *node, uint8_t member)
{
    struct facet *facet = node->facets;
    while (facet && facet->member != member)
        facet = facet->next;
    if (facet)
        return facet;
    facet = calloc(1, sizeof *facet);
    if (!facet)
        return NULL;
    facet->member = member;
    facet->next = node->facets;
    node->facets = facet;
    return facet;
}

struct node *node_ancestor(struct node *node, enum node_kind kind)
{
    while (node && node->kind != kind)
        node = node->parent;
    return node;
}
