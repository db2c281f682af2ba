/* SPDX-License-Identifier: MIT */
#include "inode/node.h"

#include "check.h"

#include <stdlib.h>

enum { MANY = 7000 };

static struct nodes nodes;

static struct node *install(struct node *parent, enum node_kind kind, const char *name,
                            uint64_t identity, int64_t fetched)
{
    return node_install(&nodes, (struct place){parent, MEMBER_SELF}, kind, name, NULL, identity,
                        fetched);
}

/* An organization that nothing but its registries holds, and that many of these. */
static struct node *plant(int64_t fetched)
{
    char name[32];
    struct node *organization = install(nodes.root, NODE_ORGANIZATION, "acme", 1, fetched);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "r%d", i);
        CHECK(install(organization, NODE_REGISTRY, name, (uint64_t)i, fetched));
    }
    return organization;
}

/* Every child is given an object of another id, removed or dropped while the others are walked
 * over; AddressSanitizer sees a child that was freed too early, and so does the count. */
static void walk_over_changing_children(void)
{
    struct node *organization = plant(1);
    size_t before = nodes.count, seen = 0;
    for (struct node *child = organization->first_child, *next; child; child = next) {
        next = child->next_sibling;
        char *name = strdup(child->name);
        seen++;
        node_hold(&nodes, child);
        if (seen % 3 == 0)
            node_remove(&nodes, child);
        else
            CHECK(install(organization, NODE_REGISTRY, name, MANY + seen, 2));
        node_drop(&nodes, child);
        CHECK_TEXT(child->name, name);
        free(name);
    }
    CHECK(seen == MANY);
    CHECK(nodes.count > before);
    size_t grown = nodes.count;
    nodes_trim(&nodes);
    CHECK(nodes.count < grown);
    for (struct node *child = organization->first_child; child; child = child->next_sibling)
        CHECK(!child->gone);
}

/* Thousands that nobody refers to stay at hand, but not more; a lookup or a hold keeps. */
static void trim_keeps_what_is_in_use(void)
{
    char name[32];
    struct node *held = install(nodes.root, NODE_ORGANIZATION, "held", 2, 1);
    struct node *known = install(nodes.root, NODE_ORGANIZATION, "known", 3, 1);
    node_hold(&nodes, held);
    node_add_lookup(&nodes, known);
    size_t before = nodes.count;
    for (int i = 0; i < 2 * MANY; i++) {
        snprintf(name, sizeof name, "o%d", i);
        CHECK(install(nodes.root, NODE_ORGANIZATION, name, (uint64_t)i + 10, 1));
        if (i % 100 == 0)
            nodes_trim(&nodes);
    }
    nodes_trim(&nodes);
    CHECK(nodes.count < before + MANY);
    CHECK(node_find(&nodes, nodes.root, MEMBER_SELF, "held") == held);
    CHECK(node_find(&nodes, nodes.root, MEMBER_SELF, "known") == known);
    CHECK(!node_find(&nodes, nodes.root, MEMBER_SELF, "o0"));
    snprintf(name, sizeof name, "o%d", 2 * MANY - 1);
    CHECK(node_find(&nodes, nodes.root, MEMBER_SELF, name));
    node_drop(&nodes, held);
    node_forget(&nodes, known, 1);
}

/* A parent that only a child that is gone has kept is freed with it. */
static void trim_frees_what_is_gone_with_its_parents(void)
{
    struct node *organization = install(nodes.root, NODE_ORGANIZATION, "leaving", 4, 1);
    struct node *registry = install(organization, NODE_REGISTRY, "last", 5, 1);
    nodes_trim(&nodes);
    size_t before = nodes.count;
    node_remove(&nodes, organization);
    node_remove(&nodes, registry);
    CHECK(nodes.count == before);
    nodes_trim(&nodes);
    CHECK(nodes.count == before - 2);
}

/* The kernel's numbers are used again, together with the generation never. */
static void each_use_of_a_number_has_its_generation(void)
{
    struct node *first = install(nodes.root, NODE_ORGANIZATION, "first", 6, 1);
    uint64_t id = node_id(&nodes, (struct place){first, MEMBER_SELF});
    uint32_t generation = first->generation;
    CHECK(node_place(&nodes, id).node == first);
    node_remove(&nodes, first);
    nodes_trim(&nodes);
    CHECK(!node_place(&nodes, id).node);
    struct node *second = install(nodes.root, NODE_ORGANIZATION, "second", 7, 1);
    CHECK(node_id(&nodes, (struct place){second, MEMBER_SELF}) == id);
    CHECK(second->generation != generation);
}

static void mounts_begin_at_generations_of_their_own(void)
{
    struct nodes one, other;
    CHECK(nodes_init(&one, 1) && nodes_init(&other, 1));
    CHECK(one.next_generation != other.next_generation);
    nodes_release(&one);
    nodes_release(&other);
}

static void inode_numbers_leave_the_upper_bits(void)
{
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        struct node *node = install(nodes.root, NODE_ORGANIZATION, name, (uint64_t)i + 1000, 1);
        CHECK(node_inode_number((struct place){node, MEMBER_SELF}) >> 62 == 0);
        CHECK(node_inode_number((struct place){node, 3}) >> 62 == 0);
    }
}

int main(void)
{
    CHECK(nodes_init(&nodes, 42));
    walk_over_changing_children();
    trim_keeps_what_is_in_use();
    trim_frees_what_is_gone_with_its_parents();
    each_use_of_a_number_has_its_generation();
    mounts_begin_at_generations_of_their_own();
    inode_numbers_leave_the_upper_bits();
    nodes_release(&nodes);
    return check_result();
}
