/* SPDX-License-Identifier: MIT */
/* What a mount keeps in memory has an end: old scratch files, listed files, results of queries. */
#include "answer/scratch.h"
#include "base/clock.h"
#include "check.h"
#include "tree/file_tree.h"
#include "tree/kernel_cache.h"
#include "tree/local.h"
#include "tree/member.h"
#include "tree/query_keep.h"

#include <stdlib.h>

static struct filesystem fs;

static struct node *install(struct node *parent, uint8_t member, enum node_kind kind,
                            const char *name, uint64_t identity)
{
    struct node *node = node_install(&fs.nodes, (struct place){parent, member}, kind, name, NULL,
                                     identity, clock_nanoseconds());
    node_hold(&fs.nodes, node);
    return node;
}

static struct node *scratch(struct node *registry, const char *name, int64_t unused_seconds)
{
    struct node *node =
        local_new(&fs, (struct place){registry, MEMBER_SELF}, name, S_IFREG | 0600, 1000);
    local_of(node)->used = clock_nanoseconds() - unused_seconds * CLOCK_SECOND;
    return node;
}

static bool is_there(struct node *registry, const char *name)
{
    return node_find(&fs.nodes, registry, MEMBER_SELF, name) != NULL;
}

static void scratch_files_expire(void)
{
    struct node *registry = install(fs.nodes.root, MEMBER_SELF, NODE_REGISTRY, "model", 1);
    scratch(registry, "old~", 3700);
    scratch(registry, "young~", 3500);
    local_of(scratch(registry, "open~", 3700))->opened = 1;
    scratch_expire(&fs, registry);
    CHECK(!is_there(registry, "old~"));
    CHECK(is_there(registry, "young~"));
    CHECK(is_there(registry, "open~"));
}

/* A listing of so many files, or entries; what they are does not matter. */
static struct listing *list(int64_t fetched, size_t files, size_t entries)
{
    struct listing *listing = listing_new(fetched);
    char name[32];
    listing->below.items = calloc(files + 1, sizeof *listing->below.items);
    listing->below.count = files;
    for (size_t i = 0; i < entries; i++) {
        snprintf(name, sizeof name, "e%zu", i);
        CHECK(listing_add_named(listing, name, NULL));
    }
    return listing;
}

static bool has_listing(const struct node *node, uint8_t member)
{
    const struct facet *facet = node_find_facet(node, member);
    return facet && facet->listing;
}

static void listed_files_are_given_up(void)
{
    static const size_t files[] = {90000, 80000, 60000};
    struct node *versions[3];
    char name[8];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "v%zu", i);
        versions[i] = install(fs.nodes.root, MEMBER_SELF, NODE_VERSION, name, 10 + i);
        node_facet(versions[i], MEMBER_FILES)->listing = list((int64_t)i + 1, files[i], 0);
    }
    file_tree_trim(&fs, 100);
    CHECK(has_listing(versions[0], MEMBER_FILES)); /* so few new ones are not worth a count */
    file_tree_trim(&fs, files[2]);
    CHECK(!has_listing(versions[0], MEMBER_FILES));
    CHECK(has_listing(versions[1], MEMBER_FILES));
    CHECK(has_listing(versions[2], MEMBER_FILES));
}

static struct node *ask(const char *name, uint64_t identity, size_t results)
{
    struct node *query =
        install(fs.nodes.root, MEMBER_SELF, NODE_REGISTRY_QUERY, name, 1000 + identity);
    node_facet(query, MEMBER_SELF)->listing = list(1, 0, results);
    query_was_used(&fs, query);
    return query;
}

static void results_of_queries_are_given_up(void)
{
    struct node *first = ask("@first", 1, 90000);
    struct node *second = ask("@second", 2, 90000);
    query_was_used(&fs, first);
    struct node *third = ask("@third", 3, 90000);
    CHECK(has_listing(first, MEMBER_SELF));
    CHECK(!has_listing(second, MEMBER_SELF));
    CHECK(has_listing(third, MEMBER_SELF));
    struct node *large = ask("@large", 4, 250000); /* the newest is kept, however large */
    CHECK(!has_listing(first, MEMBER_SELF) && !has_listing(third, MEMBER_SELF));
    CHECK(has_listing(large, MEMBER_SELF));
    query_was_used(&fs, install(fs.nodes.root, MEMBER_SELF, NODE_REGISTRY_QUERY, "@5", 1005));
    CHECK(!has_listing(large, MEMBER_SELF));
}

static void queries_are_given_up(void)
{
    struct node *queries[130];
    char name[16];
    for (uint64_t i = 0; i < 130; i++) {
        snprintf(name, sizeof name, "@q%u", (unsigned)i);
        queries[i] = ask(name, 100 + i, 1);
    }
    CHECK(!has_listing(queries[0], MEMBER_SELF) && !has_listing(queries[1], MEMBER_SELF));
    CHECK(has_listing(queries[2], MEMBER_SELF) && has_listing(queries[129], MEMBER_SELF));
}

int main(void)
{
    fs.kernel_cache = kernel_cache_new();
    fs.queries = queries_new();
    CHECK(fs.kernel_cache && fs.queries && nodes_init(&fs.nodes, 7));
    scratch_files_expire();
    listed_files_are_given_up();
    results_of_queries_are_given_up();
    queries_are_given_up();
    nodes_release(&fs.nodes);
    queries_free(fs.queries);
    kernel_cache_free(fs.kernel_cache);
    return check_result();
}
