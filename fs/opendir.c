/* SPDX-License-Identifier: MIT */
#include "opendir.h"

#include "directory.h"
#include "member.h"
#include "place.h"
#include "ready.h"
#include "room.h"
#include "scratch.h"

#include <errno.h>

/* Entries are numbered: "." and "..", then the members, then what the server has. An entry's offset
 * is the number of the next one, so that rewinding and seeking need no state. */
enum { DOTS = 2 };

struct open_directory {
    struct place place;      /* held */
    struct listing *listing; /* a reference; NULL: no entries from the server */
    const struct member *members;
    size_t member_count;
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
    *error_number = place_refuses_look(request, place);
    if (*error_number)
        return FAILED;
    ready_note_opendir(request, place);
    if (place.member == MEMBER_SELF) {
        open->members = members_of(place.node->kind, &open->member_count);
        enum readiness readiness = ready_object(request, place.node, error_number);
        if (readiness != READY)
            return readiness;
    }
    if (directory_of(place))
        return ready_listing(request, place, &open->listing, error_number);
    if (place.node->kind == NODE_REGISTRY)
        scratch_expire(request->fs, place.node);
    if (local_is_directory(place))
        open->listing = local_listing(place);
    return READY;
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
        }
        pthread_mutex_unlock(&nodes->lock);
    }
    if (readiness == READY) {
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
    struct open_directory *open = directory_handle(request);
    struct nodes *nodes = &request->fs->nodes;
    listing_unref(open->listing);
    pthread_mutex_lock(&nodes->lock);
    node_drop(nodes, open->place.node);
    pthread_mutex_unlock(&nodes->lock);
    free(open);
    return true;
}

/* The place of an entry of the snapshot; node NULL when it is there no more. */
static struct place entry_place(struct filesystem *fs, const struct open_directory *open,
                                const struct entry *entry)
{
    struct place place = {node_find(&fs->nodes, open->place.node, open->place.member, entry->name),
                          MEMBER_SELF};
    const struct facet *facet = node_find_facet(open->place.node, open->place.member);
    const struct directory *row = directory_of(open->place);
    if (place.node || !row || !facet || open->listing->fetched < facet->changed)
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
        if (room_hides(*place))
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
    size_t next; /* number of the entry after it */
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
    struct fuse_entry_param entry;
    if (!place_entry(fs, place, &page->scratch, &entry))
        return false;
    bool dots = page->next < DOTS;
    if (dots)
        entry.ino = 0;
    size_t needed =
        fuse_add_direntry_plus(request->fuse, page->bytes + page->used, page->size - page->used,
                               name, &entry, (off_t)page->next + 1);
    if (needed > page->size - page->used)
        return false;
    page->used += needed;
    if (!dots) {
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

typedef bool add_entry(struct request *request, struct page_of_entries *page, const char *name,
                       struct place place);

static bool answer_page(struct request *request, add_entry *add)
{
    const struct open_directory *open = directory_handle(request);
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
    for (;; page.next++) {
        struct place place;
        const char *name = entry_at(request->fs, open, page.next, &place);
        if (!name || (place.node && !add(request, &page, name, place)))
            break;
    }
    pthread_mutex_unlock(&nodes->lock);
    buf_release(&page.scratch);
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
