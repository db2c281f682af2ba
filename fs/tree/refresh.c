/* SPDX-License-Identifier: MIT */
#include "refresh.h"

#include "base/clock.h"
#include "derived.h"
#include "directory.h"
#include "file_tree.h"
#include "fresh.h"
#include "inode/filesystem.h"
#include "install.h"
#include "kernel_cache.h"
#include "link.h"
#include "query_keep.h"
#include "report/options.h"
#include "stat.h"

enum {
    PATH_SIZE = 1024,
    MOST_ENTRIES = 1 << 20,
    READ_AHEAD = 100,     /* entries that are to be there beyond what was read: one page */
    SLOW_FIRST_MS = 1000, /* a first page that takes longer says that the next may, too */
};

/* Takes what a call needs out of the tree, so that it runs without the lock and without nodes.
 * Needs nodes->lock. */
static void describe(const struct fetch *fetch, struct lineage *lineage, char path[PATH_SIZE])
{
    lineage_of(fetch->node, lineage);
    place_path((struct place){fetch->node, fetch->member}, path, PATH_SIZE);
}

int refresh_failed(struct fetch *fetch, const char *path)
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
    bool named = fetch->name[0], in_root = strcmp(path, "/") == 0;
    snprintf(whole, sizeof whole, "%s%s%s", named && in_root ? "" : path,
             named && !in_root ? "/" : "", fetch->name);
    journal_add(fs->journal, fetch->type->operation, whole, kind, fetch->error.message);
    log_write(fs->log, CLIENT_LOG_WARNING, "%s %s: %s", fetch->type->operation, whole,
              fetch->error.message);
    return -1;
}

/* A listing on its way, as one call reads on in it. */
struct reading {
    struct fetch *fetch;
    struct place place;
    struct listing *listing; /* a reference */
    struct lineage lineage;
    char path[PATH_SIZE];
    struct page page; /* a copy: another call may have added the same page meanwhile */
    unsigned pages;
    int64_t asked;
};

static bool copy_text(char **copy, const char *text)
{
    *copy = text ? strdup(text) : NULL;
    return *copy || !text;
}

/* Where the listing stands; false: nothing is missing any more. Needs nodes->lock. */
static bool find_next_page(struct reading *reading, struct error *error)
{
    const struct growth *growth = reading->listing->growth;
    page_release(&reading->page);
    if (!growth)
        return false;
    reading->page = (struct page){.fetched = growth->page.fetched};
    reading->pages = growth->pages;
    reading->asked = clock_nanoseconds();
    if (!reading->listing->fetched)
        reading->listing->fetched = reading->asked;
    if (!copy_text(&reading->page.cursor, growth->page.cursor) ||
        !copy_text(&reading->page.milestone, growth->page.milestone))
        error_set(error, ERROR_LOCAL, "out of memory");
    return true;
}

/* Adds what was found. Needs nodes->lock. False: no memory. */
static bool add_page(struct reading *reading, struct listing *page, const struct object_list *found,
                     bool *duplicates)
{
    struct listing *listing = reading->listing;
    struct growth *growth = listing->growth;
    bool had_duplicates = growth->duplicates;
    if (growth->pages == 0)
        listing_take(listing, page);
    else if (!directory_extend(reading->place, &reading->lineage, listing, found, duplicates))
        return false;
    growth->duplicates |= *duplicates;
    *duplicates &= !had_duplicates;
    growth->pages++;
    growth->progressed = clock_nanoseconds();
    if (growth->pages == 1)
        growth->slow = growth->progressed - reading->asked > SLOW_FIRST_MS * CLOCK_MILLISECOND;
    page_release(&growth->page);
    growth->page = reading->page;
    reading->page = (struct page){0};
    return true;
}

/* A listing that is complete takes the place of the directory's last one. Needs nodes->lock. */
static bool install_complete(struct filesystem *fs, struct reading *reading)
{
    struct place place = reading->place;
    struct facet *facet = node_facet(place.node, place.member);
    size_t files = reading->listing->below.count;
    if (!directory_complete(place, reading->listing))
        return false;
    if (facet && facet->growing == reading->listing) {
        facet->growing = NULL;
        listing_unref(reading->listing);
    }
    install_listing(fs, place, listing_ref(reading->listing));
    if (node_is_query(place.node))
        query_was_used(fs, place.node);
    file_tree_trim(fs, files);
    return true;
}

/* Puts a page in place. *more: it was not the last. False: no memory. */
static bool put_page(struct reading *reading, const struct object_list *found, bool *more)
{
    struct filesystem *fs = reading->fetch->fs;
    bool duplicates = false, good = true;
    /* The first is built without the lock: a version's files come all at once. */
    struct listing *page = NULL;
    if (reading->pages == 0) {
        page = directory_listing(reading->place, &reading->lineage, found, 0, &duplicates);
        if (!page)
            return false;
    }
    pthread_mutex_lock(&fs->nodes.lock);
    struct growth *growth = reading->listing->growth;
    bool last = reading->page.done;
    if (growth && growth->pages == reading->pages)
        good =
            add_page(reading, page, found, &duplicates) && (!last || install_complete(fs, reading));
    *more = reading->listing->growth != NULL;
    pthread_mutex_unlock(&fs->nodes.lock);
    listing_unref(page);
    if (good && duplicates)
        journal_add(fs->journal, reading->fetch->type->operation, reading->path, ERROR_EXISTS,
                    "the server has two objects of one name; the second is left out");
    return good;
}

bool refresh_is_wanted(const struct listing *listing)
{
    const struct growth *growth = listing->growth;
    return growth &&
           (growth->whole || (growth->reached && listing->count < growth->reached + READ_AHEAD));
}

static bool reader_comes_near(struct reading *reading)
{
    struct nodes *nodes = &reading->fetch->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    bool near = refresh_is_wanted(reading->listing);
    pthread_mutex_unlock(&nodes->lock);
    return near;
}

/* Fetches pages until all are there or nobody asks for more. */
static int read_pages(struct reading *reading, struct call *call)
{
    struct fetch *fetch = reading->fetch;
    struct filesystem *fs = fetch->fs;
    const struct directory *row = directory_of(reading->place);
    call->deadline = fetch->created / 1000000 + fs->options->timeout_ms;
    for (bool more = true; more;) {
        cleanup_object_list struct object_list found = {0};
        pthread_mutex_lock(&fs->nodes.lock);
        more = find_next_page(reading, call->error);
        if (reading->listing->count > MOST_ENTRIES)
            error_set(call->error, ERROR_TOO_LARGE, "more than %d entries", MOST_ENTRIES);
        pthread_mutex_unlock(&fs->nodes.lock);
        if (call->error->kind != ERROR_NONE)
            return -1;
        if (more && row->list(fs, call, &reading->lineage, &reading->page, &found) != 0)
            return -1;
        if (more && !put_page(reading, &found, &more))
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        if (more && !fetch_serve(fetch))
            more = reader_comes_near(reading);
        /* Each page has the whole time of a request: a long listing is not a slow one. */
        call->deadline = clock_milliseconds() + fs->options->timeout_ms;
    }
    return 0;
}

/* Finds out what is to be read. False: it has come meanwhile. */
static bool begin_reading(struct reading *reading)
{
    struct fetch *fetch = reading->fetch;
    struct filesystem *fs = fetch->fs;
    pthread_mutex_lock(&fs->nodes.lock);
    describe(fetch, &reading->lineage, reading->path);
    reading->listing =
        fetch->subject ? listing_ref(fetch->subject) : fresh_growing(fs, NULL, reading->place);
    struct growth *growth = reading->listing ? reading->listing->growth : NULL;
    bool came = !fetch->name[0] && growth && growth->pages == 0 &&
                derived_listing_came(fs, reading->place, fetch->created);
    bool needed = growth && !came;
    if (needed)
        growth->active++;
    pthread_mutex_unlock(&fs->nodes.lock);
    if (!reading->listing)
        error_set(&fetch->error, ERROR_LOCAL, "out of memory");
    return needed;
}

/* What could not be read to the end is begun anew by whoever comes next. */
static void end_reading(struct reading *reading, bool needed)
{
    struct nodes *nodes = &reading->fetch->fs->nodes;
    enum error_kind kind = reading->fetch->error.kind;
    pthread_mutex_lock(&nodes->lock);
    struct facet *facet = node_facet(reading->place.node, reading->place.member);
    if (needed && reading->listing->growth)
        reading->listing->growth->active--;
    if (kind != ERROR_NONE && kind != ERROR_INTERRUPTED && facet &&
        facet->growing == reading->listing) {
        listing_unref(facet->growing);
        facet->growing = NULL;
    }
    pthread_mutex_unlock(&nodes->lock);
    listing_unref(reading->listing);
    lineage_release(&reading->lineage);
    page_release(&reading->page);
}

static int run_listing(struct fetch *fetch, struct call *call)
{
    struct reading reading = {.fetch = fetch, .place = {fetch->node, fetch->member}};
    bool needed = begin_reading(&reading);
    if (needed)
        read_pages(&reading, call);
    end_reading(&reading, needed);
    return fetch->error.kind == ERROR_NONE ? 0 : refresh_failed(fetch, reading.path);
}

/* A version that came with an alias or a collection needs no call of its own any more. */
static struct node *install_version(struct filesystem *fs, struct node *collection,
                                    struct version *version, int64_t fetched)
{
    char name[NAME_LIMIT + 1];
    snprintf(name, sizeof name, "v%lld", (long long)version->index);
    return install_object(fs, (struct place){collection, MEMBER_VERSIONS}, name, version, fetched);
}

/* Nor do its aliases. */
static void install_aliases(struct filesystem *fs, struct node *collection, struct version *version,
                            int64_t fetched)
{
    for (size_t i = 0; i < version->aliases.count; i++) {
        char name[NAME_LIMIT + 1];
        name_escape(version->aliases.items[i], 0, name);
        if (version->aliases.items[i].size > 0 && !name_needs_listing(name))
            install_object(fs, (struct place){collection, MEMBER_ALIASES}, name, version, fetched);
    }
}

void refresh_install_files(struct filesystem *fs, struct node *version, struct object_list *files,
                           int64_t fetched)
{
    struct place place = {version, MEMBER_FILES};
    struct lineage lineage;
    bool duplicates = false;
    if (!version || files->count == 0 || derived_listing_came(fs, place, 0))
        return;
    lineage_of(version, &lineage);
    struct listing *listing = file_tree_arrange(fs, &lineage, files)
                                  ? directory_listing(place, &lineage, files, fetched, &duplicates)
                                  : NULL;
    lineage_release(&lineage);
    if (listing && !duplicates) {
        install_listing(fs, place, listing);
        file_tree_trim(fs, files->count);
    } else {
        listing_unref(listing);
    }
}

static void install_below(struct filesystem *fs, struct node *node, struct object_list *below,
                          int64_t fetched)
{
    if (node->kind == NODE_VERSION)
        refresh_install_files(fs, node, below, fetched);
    for (size_t i = 0; node->kind == NODE_COLLECTION && i < below->count; i++) {
        install_version(fs, node, below->items[i], fetched);
        install_aliases(fs, node, below->items[i], fetched);
    }
}

static void install_entry(struct fetch *fetch, const struct directory *row, void *object,
                          struct object_list *below, int64_t fetched)
{
    struct nodes *nodes = &fetch->fs->nodes;
    struct place place = {fetch->node, fetch->member};
    pthread_mutex_lock(&nodes->lock);
    struct node *old = node_find(nodes, fetch->node, fetch->member, fetch->name);
    struct facet *facet = node_facet(fetch->node, fetch->member);
    if (facet)
        facet->singles++;
    derived_note_entry(fetch->fs, place, fetch->name, object ? 0 : fetched);
    if (object) {
        struct node *node = install_object(fetch->fs, place, fetch->name, object, fetched);
        if (node && row->child == NODE_LINK && row->kind == NODE_COLLECTION)
            node = install_version(fetch->fs, fetch->node, object, fetched);
        if (node)
            install_below(fetch->fs, node, below, fetched);
    } else if (old && !node_is_newer(old, fetched)) {
        kernel_cache_remove_entry(fetch->fs, old);
        node_remove(nodes, old);
        link_cut(fetch->fs, place);
    }
    pthread_mutex_unlock(&nodes->lock);
}

/* A version's files never change: with one that is known already they are not wanted again. */
static bool wants_what_is_below(const struct fetch *fetch, const struct directory *row)
{
    return row->child == NODE_COLLECTION ||
           !node_find(&fetch->fs->nodes, fetch->node, fetch->member, fetch->name);
}

static int run_entry(struct fetch *fetch, struct call *call)
{
    struct filesystem *fs = fetch->fs;
    const struct directory *row = directory_of((struct place){fetch->node, fetch->member});
    struct lineage lineage;
    char path[PATH_SIZE];
    pthread_mutex_lock(&fs->nodes.lock);
    describe(fetch, &lineage, path);
    bool brings_more = wants_what_is_below(fetch, row);
    pthread_mutex_unlock(&fs->nodes.lock);
    int64_t asked = clock_nanoseconds();
    call->deadline = fetch->created / 1000000 + fs->options->timeout_ms;
    struct text name;
    cleanup_object void *object = NULL;
    cleanup_object_list struct object_list below = {0};
    int result = -1;
    if (name_unescape(fetch->name, &name)) {
        result = row->find(fs, call, &lineage, name, &object, brings_more ? &below : NULL);
        free((char *)(uintptr_t)name.bytes);
    } else {
        error_set(call->error, ERROR_NOT_FOUND, "no object of the server has this name");
    }
    lineage_release(&lineage);
    if (result < 0 && call->error->kind == ERROR_NOT_FOUND && row->listing_decides) {
        error_clear(call->error);
        return run_listing(fetch, call);
    }
    if (result == 0 || call->error->kind == ERROR_NOT_FOUND)
        install_entry(fetch, row, object, &below, asked);
    return result == 0 ? 0 : refresh_failed(fetch, path);
}

static void release_listing(void *listing)
{
    listing_unref(listing);
}

const struct fetch_type refresh_listing = {
    .operation = "list", .kind = CALL_LISTING, .run = run_listing, .release = release_listing};
const struct fetch_type refresh_entry = {
    .operation = "load", .kind = CALL_LOOKUP, .run = run_entry};
