/* SPDX-License-Identifier: MIT */
#include "provenance_walk.h"

#include "base/clock.h"
#include "directory.h"
#include "fresh.h"
#include "provenance.h"
#include "report/options.h"
#include "wait/request.h"

enum { SINGLES = 4 /* versions asked for alone before pages are */ };

/* Of a collection. */
struct pages {
    int64_t began;
    int64_t ended;    /* when the last page came */
    unsigned singles; /* versions asked for alone since it began */
    uint64_t last;    /* the one of them */
    struct page page; /* where the next one starts */
    bool failed;      /* the server does not answer such a question: it is not asked again */
};

static void free_pages(void *own)
{
    struct pages *pages = own;
    page_release(&pages->page);
    free(pages);
}

/* Needs nodes->lock. NULL: no memory. */
static struct pages *pages_of(struct node *collection)
{
    struct facet *facet = node_facet(collection, MEMBER_LINEAGE);
    if (facet && !facet->own) {
        facet->own = calloc(1, sizeof(struct pages));
        facet->free_own = free_pages;
    }
    return facet ? facet->own : NULL;
}

static void begin_anew(struct pages *pages, int64_t now)
{
    page_release(&pages->page);
    *pages = (struct pages){.began = now, .failed = pages->failed};
}

bool provenance_page_helps(const struct request *request, struct node *version)
{
    int64_t now = clock_nanoseconds();
    struct node *collection = version->parent;
    struct pages *pages = collection->kind == NODE_COLLECTION ? pages_of(collection) : NULL;
    if (!pages || pages->failed || request->failure.kind != ERROR_NONE)
        return false;
    if (now - pages->began > fresh_time_to_live(request->fs) &&
        now - pages->ended > fresh_time_to_live(request->fs))
        begin_anew(pages, now);
    if (pages->ended >= request->started || pages->page.done)
        return false;
    if (pages->last == version->identity) /* it is being asked for, or was in vain */
        return false;
    if (pages->singles >= SINGLES)
        return true;
    pages->last = version->identity;
    pages->singles++;
    return false;
}

static bool copy_text(char **copy, const char *text)
{
    *copy = text ? strdup(text) : NULL;
    return *copy || !text;
}

/* What the next page follows. Needs nodes->lock. False: no memory. */
static bool copy_page(const struct page *page, struct page *copy)
{
    *copy = (struct page){.done = page->done, .fetched = page->fetched};
    return copy_text(&copy->cursor, page->cursor) && copy_text(&copy->milestone, page->milestone);
}

static int fetch_page(struct fetch *fetch, struct call *call, struct page *page,
                      struct object_list *found)
{
    struct filesystem *fs = fetch->fs;
    struct lineage lineage;
    pthread_mutex_lock(&fs->nodes.lock);
    struct pages *pages = pages_of(fetch->node);
    bool good = pages && copy_page(&pages->page, page);
    lineage_of(fetch->node, &lineage);
    pthread_mutex_unlock(&fs->nodes.lock);
    call->deadline = fetch->created / 1000000 + fs->options->timeout_ms;
    int result = good ? directory_list_below(fs, call, &lineage, lineage.collection,
                                             client_list_lineages, page, found)
                      : error_set(call->error, ERROR_LOCAL, "out of memory");
    lineage_release(&lineage);
    return result;
}

/* Who waits asks for the one version then, and is told what is wrong with that. */
static int run(struct fetch *fetch, struct call *call)
{
    struct nodes *nodes = &fetch->fs->nodes;
    cleanup_page struct page page = {0};
    cleanup_object_list struct object_list found = {0};
    int64_t asked = clock_nanoseconds();
    int result = fetch_page(fetch, call, &page, &found);
    for (size_t i = 0; result == 0 && i < found.count; i++)
        provenance_install(fetch->fs, fetch->node, found.items[i], asked);
    pthread_mutex_lock(&nodes->lock);
    struct pages *pages = pages_of(fetch->node);
    if (pages) {
        page_release(&pages->page);
        pages->page = page;
        page = (struct page){0};
        pages->failed = call->error->invalid_query;
        pages->page.done |= result != 0 && call->error->kind != ERROR_INTERRUPTED;
        pages->ended = clock_nanoseconds();
    }
    pthread_mutex_unlock(&nodes->lock);
    if (call->error->kind == ERROR_INTERRUPTED)
        return -1;
    error_clear(call->error);
    return 0;
}

const struct fetch_type refresh_lineages = {
    .operation = "list lineages", .kind = CALL_LISTING, .run = run};
