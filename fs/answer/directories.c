/* SPDX-License-Identifier: MIT */
#include "directories.h"

#include "edit/roster_change.h"
#include "edit/unsaved.h"
#include "report/errnos.h"
#include "report/options.h"
#include "scratch.h"
#include "tree/directory.h"
#include "tree/link.h"
#include "tree/member.h"
#include "tree/place.h"
#include "tree/provenance_file.h"
#include "tree/ready.h"
#include "tree/refresh.h"
#include "tree/room.h"
#include "tree/walk.h"

#include <errno.h>
#include <unistd.h>

/* Entries are numbered: "." and "..", then the members, then what the server has. An entry's offset
 * is the number of the next one, so that rewinding and seeking need no state. */
enum { DOTS = 2 };

struct open_directory {
    struct place place;      /* held */
    struct listing *listing; /* a reference; NULL: no entries from the server */
    const struct member *members;
    size_t member_count;
    bool shown;                                  /* the kernel may copy its entries */
    struct open_directory *next, **link_to_this; /* fs->open_directories, under nodes->lock */
};

static struct open_directory *directory_handle(const struct request *request)
{
    return (struct open_directory *)(uintptr_t)request->file.fh;
}

/* What the directory shows must be young enough: its listing, or its object's attributes. */
static enum readiness prepare(struct request *request, struct open_directory *open,
                              int *error_number)
{
    struct place place = open->place;
    *error_number = place_refuses_look(request, place, R_OK);
    if (*error_number)
        return FAILED;
    walk_note_opendir(request, place);
    if (place.member == MEMBER_SELF) {
        open->members = members_of(place.node->kind, &open->member_count);
        enum readiness readiness = ready_object(request, place.node, error_number);
        if (readiness != READY)
            return readiness;
    }
    if (directory_of(place))
        return ready_opening(request, place, &open->listing, error_number);
    if (place.node->kind == NODE_REGISTRY)
        scratch_expire(request->fs, place.node);
    if (local_is_directory(place))
        open->listing = local_listing(place);
    return READY;
}

/* Which state of the directory the handle shows; 0: one that changes under it. */
static int64_t state_of(const struct open_directory *open)
{
    enum node_kind kind = open->place.node->kind;
    if (kind == NODE_CONTROL || kind == NODE_ORGANIZATION || local_is_directory(open->place))
        return 0;
    if (kind == NODE_REGISTRY && open->place.member == MEMBER_SELF)
        return 0;
    return open->listing ? open->listing->fetched : open->place.node->fetched;
}

/* Lets the kernel copy the entries, and use a copy that it has of this very state. Handles that
 * show different states must not be mixed in one copy. Needs nodes->lock. */
static void offer_copy(struct request *request, struct open_directory *open)
{
    int64_t state = request->fs->kernel_keeps_listings ? state_of(open) : 0;
    struct facet *facet = state ? node_facet(open->place.node, open->place.member) : NULL;
    if (!facet || (facet->shown != state && facet->showing > 0))
        return;
    request->file.cache_readdir = 1;
    request->file.keep_cache = facet->shown == state;
    facet->shown = state;
    facet->showing++;
    open->shown = true;
}

static void link_open(struct filesystem *fs, struct open_directory *open)
{
    open->next = fs->open_directories;
    open->link_to_this = &fs->open_directories;
    if (open->next)
        open->next->link_to_this = &open->next;
    fs->open_directories = open;
}

static void close_directory(struct filesystem *fs, struct open_directory *open)
{
    struct nodes *nodes = &fs->nodes;
    listing_unref(open->listing);
    pthread_mutex_lock(&nodes->lock);
    *open->link_to_this = open->next;
    if (open->next)
        open->next->link_to_this = open->link_to_this;
    if (open->shown)
        node_facet(open->place.node, open->place.member)->showing--;
    node_drop(nodes, open->place.node);
    nodes_trim(nodes);
    pthread_mutex_unlock(&nodes->lock);
    free(open);
}

void open_directory_close_all(struct filesystem *fs)
{
    while (fs->open_directories)
        close_directory(fs, fs->open_directories);
}

/* Who may be on the way to removing all that is below; the place is held. */
static void note_opener(const struct request *request, struct place place)
{
    struct nodes *nodes = &request->fs->nodes;
    if (request->fs->options->read_only || !roster_notes_opener(place))
        return;
    struct caller caller = caller_of_request(request);
    pthread_mutex_lock(&nodes->lock);
    roster_note_opener(place, caller);
    pthread_mutex_unlock(&nodes->lock);
}

bool opendir_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct open_directory *open = calloc(1, sizeof *open);
    int error_number = ENOMEM;
    enum readiness readiness = FAILED;
    if (open) {
        pthread_mutex_lock(&nodes->lock);
        open->place = node_place(nodes, request->id);
        readiness = prepare(request, open, &error_number);
        if (readiness == READY) {
            if (directory_of(open->place)) /* a local listing is ours already */
                listing_ref(open->listing);
            node_hold(nodes, open->place.node);
            offer_copy(request, open);
            link_open(request->fs, open);
        }
        pthread_mutex_unlock(&nodes->lock);
        walk_read_ahead(request);
        unsaved_spill_soon(request->fs);
    }
    if (readiness == READY) {
        note_opener(request, open->place);
        request->file.fh = (uintptr_t)open;
        if (fuse_reply_open(request->fuse, &request->file) == 0)
            return true;
        releasedir_body(request);
        return true;
    }
    free(open);
    if (readiness == FAILED)
        fuse_reply_err(request->fuse, error_number);
    return readiness == FAILED;
}

bool releasedir_body(struct request *request)
{
    close_directory(request->fs, directory_handle(request));
    return true;
}

/* The place of an entry of the snapshot; node NULL when it is there no more. */
static struct place entry_place(struct filesystem *fs, const struct open_directory *open,
                                const struct entry *entry)
{
    const struct place *directory = &open->place;
    struct node *named = node_find(&fs->nodes, directory->node, directory->member, entry->name);
    struct place place = {local_file(named), MEMBER_SELF};
    const struct facet *facet = node_find_facet(open->place.node, open->place.member);
    const struct directory *row = directory_of(open->place);
    if (!link_leads_somewhere(fs, *directory, entry->object))
        return (struct place){0};
    if (named && named->kind == NODE_PROVENANCE && provenance_is_absent(fs, named))
        return (struct place){0};
    if (named && named->kind == NODE_ROLE && room_hides((struct place){named, MEMBER_SELF}))
        return (struct place){0};
    if (place.node || entry->gone || !row || !facet || open->listing->fetched < facet->changed)
        return place;
    place.node =
        node_install(&fs->nodes, open->place, row->child, entry->name, entry->object,
                     directory_identity(row, entry->name, entry->object), open->listing->fetched);
    return place;
}

/* Name and place of the entry with that number; NULL past the end. The dots have no node: the
 * kernel ignores what it is told of them but the type. */
static const char *entry_at(struct filesystem *fs, const struct open_directory *open, size_t number,
                            struct place *place)
{
    *place = (struct place){0};
    if (number < DOTS) {
        *place = open->place;
        return number == 0 ? "." : "..";
    }
    number -= DOTS;
    if (number < open->member_count) {
        *place = (struct place){open->place.node, open->members[number].id};
        if (place_is_hidden(fs, *place))
            *place = (struct place){0};
        return open->members[number].name;
    }
    number -= open->member_count;
    if (!open->listing || number >= open->listing->count)
        return NULL;
    *place = entry_place(fs, open, &open->listing->entries[number]);
    return place_shown_name(fs, open->place, open->listing->entries[number].name);
}

struct page_of_entries {
    char *bytes;
    size_t size;
    size_t used;
    struct buf scratch;
    bool looked_at; /* by who looks at attributes, too */
    size_t next;    /* number of the entry after it */
    fuse_ino_t *looked_up;
    size_t looked_up_count;
};

/* No entry with attributes takes fewer bytes of a page. */
enum { SMALLEST_PLUS = 128 };

/* Adds one entry; false when it does not fit. */
static bool add_plain(struct request *request, struct page_of_entries *page, const char *name,
                      struct place place)
{
    struct stat attributes = {.st_ino = node_inode_number(place),
                              .st_mode = place_mode(request->fs, place)};
    size_t needed =
        fuse_add_direntry(request->fuse, page->bytes + page->used, page->size - page->used, name,
                          &attributes, (off_t)page->next + 1);
    if (needed > page->size - page->used)
        return false;
    page->used += needed;
    return true;
}

static bool add_plus(struct request *request, struct page_of_entries *page, const char *name,
                     struct place place)
{
    struct filesystem *fs = request->fs;
    struct fuse_entry_param entry = {
        .attr = {.st_ino = node_inode_number(place), .st_mode = place_mode(fs, place)}};
    /* What is told of the dots but the type, the kernel ignores. */
    bool whole = page->next >= DOTS && place.node->kind != NODE_PROVENANCE &&
                 (page->looked_at || !walk_is_one_of_many(place));
    if (whole && !place_entry(fs, place, &page->scratch, &entry))
        return false;
    size_t needed =
        fuse_add_direntry_plus(request->fuse, page->bytes + page->used, page->size - page->used,
                               name, &entry, (off_t)page->next + 1);
    if (needed > page->size - page->used)
        return false;
    page->used += needed;
    if (whole) {
        node_add_lookup(&fs->nodes, place.node);
        page->looked_up[page->looked_up_count++] = entry.ino;
    }
    return true;
}

/* The kernel did not get the page: it holds none of the lookups that were counted for it. Names may
 * mean other nodes by now. */
static void take_back_lookups(struct request *request, const struct page_of_entries *page)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    for (size_t i = 0; i < page->looked_up_count; i++)
        node_forget(nodes, node_place(nodes, page->looked_up[i]).node, 1);
    pthread_mutex_unlock(&nodes->lock);
}

/* Notes how far the readers of a listing that grows have come. True: nothing of it is left to show
 * and more is to come. */
static bool is_at_end(struct open_directory *open, const struct page_of_entries *page)
{
    struct growth *growth = open->listing ? open->listing->growth : NULL;
    if (!growth)
        return false;
    size_t before = DOTS + open->member_count;
    size_t number = page->next > before ? page->next - before : 0;
    if (number > growth->reached)
        growth->reached = number;
    return page->used == 0 && number >= open->listing->count;
}

/* Has the next page fetched while the reader is busy with what it got. */
static void read_ahead(struct request *request, const struct open_directory *open)
{
    struct nodes *nodes = &request->fs->nodes;
    struct need more = {.type = &refresh_listing, .node = open->place.node};
    pthread_mutex_lock(&nodes->lock);
    bool wanted = refresh_is_wanted(open->listing);
    if (wanted) {
        node_hold(nodes, open->place.node);
        more.member = open->place.member;
        more.subject = listing_ref(open->listing);
    }
    pthread_mutex_unlock(&nodes->lock);
    if (wanted)
        fetch_start(request->fs, &more);
}

typedef bool add_entry(struct request *request, struct page_of_entries *page, const char *name,
                       struct place place);

static bool answer_page(struct request *request, add_entry *add)
{
    struct open_directory *open = directory_handle(request);
    struct nodes *nodes = &request->fs->nodes;
    struct page_of_entries page = {.size = request->size, .next = (size_t)request->offset};
    page.bytes = malloc(request->size);
    page.looked_up = calloc(request->size / SMALLEST_PLUS + 1, sizeof *page.looked_up);
    if (!page.bytes || !page.looked_up) {
        free(page.bytes);
        free(page.looked_up);
        fuse_reply_err(request->fuse, ENOMEM);
        return true;
    }
    buf_init(&page.scratch, TEXT_CEILING);
    pthread_mutex_lock(&nodes->lock);
    nodes_trim(nodes);
    page.looked_at = walk_looks(request);
    for (;; page.next++) {
        struct place place;
        const char *name = entry_at(request->fs, open, page.next, &place);
        if (!name || (place.node && !add(request, &page, name, place)))
            break;
    }
    bool at_end = is_at_end(open, &page);
    if (at_end && request->failure.kind == ERROR_NONE)
        ready_wait_for_more(request, open->place, open->listing);
    pthread_mutex_unlock(&nodes->lock);
    buf_release(&page.scratch);
    if (at_end) {
        free(page.bytes);
        free(page.looked_up);
        if (request->failure.kind != ERROR_NONE)
            fuse_reply_err(request->fuse, errno_of(request->failure.kind));
        return request->failure.kind != ERROR_NONE;
    }
    if (open->listing)
        read_ahead(request, open);
    if (fuse_reply_buf(request->fuse, page.bytes, page.used) != 0)
        take_back_lookups(request, &page);
    free(page.bytes);
    free(page.looked_up);
    return true;
}

bool readdir_body(struct request *request)
{
    return answer_page(request, add_plain);
}

bool readdirplus_body(struct request *request)
{
    return answer_page(request, add_plus);
}
