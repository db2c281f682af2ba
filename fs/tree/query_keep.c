/* SPDX-License-Identifier: MIT */
#include "query_keep.h"

#include "base/clock.h"
#include "kernel_cache.h"
#include "row.h"

enum {
    MOST_QUERIES = 128,    /* that keep their results and the kernel's names */
    MOST_RESULTS = 200000, /* entries of all these together, but for the newest */
};

struct queries {
    struct {
        struct node *node; /* held */
        int64_t used;
    } kept[MOST_QUERIES];
    unsigned count;
};

struct queries *queries_new(void)
{
    return calloc(1, sizeof(struct queries));
}

void queries_free(struct queries *queries)
{
    free(queries);
}

static size_t results_of(struct node *query)
{
    const struct facet *facet = node_find_facet(query, MEMBER_SELF);
    return facet && facet->listing ? facet->listing->count : 0;
}

/* Forgets the results of one query. The kernel is told to forget its name and all below it, else
 * the nodes would live as long as the kernel has memory for them. */
static void give_up(struct filesystem *fs, unsigned at)
{
    struct queries *queries = fs->queries;
    struct node *node = queries->kept[at].node;
    struct facet *facet = node_facet(node, MEMBER_SELF);
    if (facet) {
        listing_unref(facet->listing);
        listing_unref(facet->growing);
        facet->listing = facet->growing = NULL;
    }
    queries->kept[at] = queries->kept[--queries->count];
    kernel_cache_remove_entry(fs, node);
    node_drop(&fs->nodes, node);
}

static unsigned oldest_of(const struct queries *queries)
{
    unsigned oldest = 0;
    for (unsigned i = 1; i < queries->count; i++) {
        if (queries->kept[i].used < queries->kept[oldest].used)
            oldest = i;
    }
    return oldest;
}

void query_was_used(struct filesystem *fs, struct node *query)
{
    struct queries *queries = fs->queries;
    unsigned at = 0;
    size_t results = 0;
    while (at < queries->count && queries->kept[at].node != query)
        at++;
    if (at == MOST_QUERIES) {
        give_up(fs, oldest_of(queries));
        at = queries->count;
    }
    if (at == queries->count) {
        node_hold(&fs->nodes, query);
        queries->kept[queries->count++].node = query;
    }
    queries->kept[at].used = clock_nanoseconds();
    for (unsigned i = 0; i < queries->count; i++)
        results += results_of(queries->kept[i].node);
    while (results > MOST_RESULTS && queries->count > 1) {
        unsigned oldest = oldest_of(queries);
        results -= results_of(queries->kept[oldest].node);
        give_up(fs, oldest);
    }
}
