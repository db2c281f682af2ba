/* SPDX-License-Identifier: MIT */
#include "refresh.h"

#include "base/clock.h"
#include "directory.h"
#include "file_tree.h"
#include "filesystem.h"
#include "kernel_cache.h"
#include "member.h"
#include "options.h"
#include "query.h"
#include "ready.h"
#include "stat.h"

enum { PATH_SIZE = 1024 };

static void give_new_object(struct filesystem *fs, struct place place, struct node *node,
                            const struct directory *row, const struct entry *entry, int64_t fetched)
{
    bool kernel_may_hold = node->lookups && ready_seconds_left(fs, node) > 0;
    bool changed = kernel_may_hold && node->object != entry->object;
    node_install(&fs->nodes, place, row->child, entry->name, entry->object,
                 directory_identity(row, entry->name, entry->object), fetched);
    if (changed)
        kernel_cache_forget_attributes(fs, node);
}

void refresh_install(struct filesystem *fs, struct place place, struct listing *listing)
{
    const struct directory *row = directory_of(place);
    struct facet *facet = node_facet(place.node, place.member);
    if (!facet || listing->fetched < facet->changed ||
        (facet->listing && facet->listing->fetched > listing->fetched)) {
        listing_unref(listing);
        return;
    }
    listing_unref(facet->listing);
    facet->listing = listing;
    facet->singles = 0;
    facet->failed = 0;
    facet->walked = 0;
    for (struct node *child = place.node->first_child, *next; child; child = next) {
        next = child->next_sibling;
        if (child->member != place.member || child->gone || child->fetched > listing->fetched ||
            child->kind != row->child)
            continue;
        const struct entry *entry = listing_find(listing, child->name);
        if (entry) {
            give_new_object(fs, place, child, row, entry, listing->fetched);
            continue;
        }
        kernel_cache_remove_entry(fs, child);
        node_remove(&fs->nodes, child);
    }
}

/* Takes what a call needs out of the tree, so that it runs without the lock and without nodes. */
static bool begin(struct fetch *fetch, struct lineage *lineage, char path[PATH_SIZE])
{
    struct nodes *nodes = &fetch->fs->nodes;
    struct place place = {fetch->node, fetch->member};
    pthread_mutex_lock(&nodes->lock);
    bool needed = fetch->name[0] || !ready_listing_came(fetch->fs, place, fetch->created);
    lineage_of(fetch->node, lineage);
    place_path(place, path, PATH_SIZE);
    pthread_mutex_unlock(&nodes->lock);
    return needed;
}

/* Remembers a failure, so that what was read before is not asked for again and again. */
static int failed(struct fetch *fetch, const char *path)
{
    struct filesystem *fs = fetch->fs;
    enum error_kind kind = fetch->error.kind;
    pthread_mutex_lock(&fs->nodes.lock);
    struct facet *facet = node_facet(fetch->node, fetch->member);
    if (facet && kind != ERROR_NOT_FOUND && kind != ERROR_INTERRUPTED)
        facet->failed = clock_nanoseconds();
    pthread_mutex_unlock(&fs->nodes.lock);
    if (kind == ERROR_INTERRUPTED || (kind == ERROR_NOT_FOUND && fetch->name[0]))
        return -1;
    char whole[PATH_SIZE + NAME_LIMIT + 2];
    snprintf(whole, sizeof whole, "%s%s%s", path, fetch->name[0] ? "/" : "", fetch->name);
    journal_add(fs->journal, fetch->type->operation, whole, kind, fetch->error.message);
    log_write(fs->log, CLIENT_LOG_WARNING, "%s %s: %s", fetch->type->operation, whole,
              fetch->error.message);
    return -1;
}

static int run_listing(struct fetch *fetch, struct call *call)
{
    struct filesystem *fs = fetch->fs;
    struct place place = {fetch->node, fetch->member};
    const struct directory *row = directory_of(place);
    struct lineage lineage;
    char path[PATH_SIZE];
    bool needed = begin(fetch, &lineage, path);
    int64_t asked = clock_nanoseconds();
    cleanup_object_list struct object_list found = {0};
    struct listing *listing = NULL;
    bool duplicates = false;
    call->deadline = fetch->created / 1000000 + fs->options->timeout_ms;
    int result = needed ? row->list(fs, call, &lineage, &found) : 0;
    if (needed && result == 0)
        listing = directory_listing(place, &lineage, &found, asked, &duplicates);
    if (duplicates)
        journal_add(fs->journal, fetch->type->operation, path, ERROR_EXISTS,
                    "the server has two objects of one name; the second is left out");
    if (needed && result == 0 && !listing)
        error_set(&fetch->error, ERROR_LOCAL, "out of memory");
    if (listing) {
        pthread_mutex_lock(&fs->nodes.lock);
        size_t files = listing->below.count;
        refresh_install(fs, place, listing);
        if (node_is_query(place.node))
            query_was_used(fs, place.node);
        file_tree_trim(fs, files);
        pthread_mutex_unlock(&fs->nodes.lock);
    }
    lineage_release(&lineage);
    return !needed || listing ? 0 : failed(fetch, path);
}

/* An alias says which version it is: that one needs no call of its own any more. */
static void install_version(struct filesystem *fs, struct node *collection, struct version *version,
                            int64_t fetched)
{
    char name[NAME_LIMIT + 1];
    snprintf(name, sizeof name, "v%lld", (long long)version->index);
    struct place versions = {collection, MEMBER_VERSIONS};
    const struct directory *row = directory_of(versions);
    node_install(&fs->nodes, versions, NODE_VERSION, name, version,
                 directory_identity(row, name, version), fetched);
}

static void install_entry(struct fetch *fetch, const struct directory *row, void *object,
                          int64_t fetched)
{
    struct nodes *nodes = &fetch->fs->nodes;
    struct place place = {fetch->node, fetch->member};
    pthread_mutex_lock(&nodes->lock);
    struct node *old = node_find(nodes, fetch->node, fetch->member, fetch->name);
    struct facet *facet = node_facet(fetch->node, fetch->member);
    if (facet)
        facet->singles++;
    if (object) {
        bool changed =
            old && old->object != object && old->lookups && ready_seconds_left(fetch->fs, old) > 0;
        struct node *node = node_install(nodes, place, row->child, fetch->name, object,
                                         directory_identity(row, fetch->name, object), fetched);
        if (changed && node == old)
            kernel_cache_forget_attributes(fetch->fs, node);
        if (row->child == NODE_LINK && row->kind == NODE_COLLECTION)
            install_version(fetch->fs, fetch->node, object, fetched);
    } else if (old && old->fetched <= fetched) {
        kernel_cache_remove_entry(fetch->fs, old);
        node_remove(nodes, old);
    }
    pthread_mutex_unlock(&nodes->lock);
}

static int run_entry(struct fetch *fetch, struct call *call)
{
    struct filesystem *fs = fetch->fs;
    const struct directory *row = directory_of((struct place){fetch->node, fetch->member});
    struct lineage lineage;
    char path[PATH_SIZE];
    begin(fetch, &lineage, path);
    int64_t asked = clock_nanoseconds();
    call->deadline = fetch->created / 1000000 + fs->options->timeout_ms;
    struct text name;
    void *object = NULL;
    int result = -1;
    if (name_unescape(fetch->name, &name)) {
        result = row->find(fs, call, &lineage, name, &object);
        free((char *)(uintptr_t)name.bytes);
    } else {
        error_set(call->error, ERROR_NOT_FOUND, "no object of the server has this name");
    }
    if (result < 0 && call->error->kind == ERROR_NOT_FOUND && row->listing_decides) {
        lineage_release(&lineage);
        error_clear(call->error);
        return run_listing(fetch, call);
    }
    if (result == 0 || call->error->kind == ERROR_NOT_FOUND)
        install_entry(fetch, row, object, asked);
    object_unref(object);
    lineage_release(&lineage);
    return result == 0 ? 0 : failed(fetch, path);
}

const struct fetch_type refresh_listing = {.operation = "list", .run = run_listing};
const struct fetch_type refresh_entry = {.operation = "load", .run = run_entry};
