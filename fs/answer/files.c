/* SPDX-License-Identifier: MIT */
#include "files.h"

#include "content/remote_progress.h"
#include "edit/roster_change.h"
#include "edit/save.h"
#include "edit/unsaved.h"
#include "read_content.h"
#include "scratch.h"
#include "tree/member.h"
#include "tree/passthrough.h"
#include "tree/place.h"
#include "tree/provenance_ready.h"
#include "tree/ready.h"
#include "tree/room.h"
#include "wait/session_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct open_file *file_handle(const struct request *request)
{
    return (struct open_file *)(uintptr_t)request->file.fh;
}

static bool writes(const struct request *request)
{
    return (request->file.flags & O_ACCMODE) != O_RDONLY || (request->file.flags & O_TRUNC);
}

static void hold_local(struct filesystem *fs, struct open_file *open, struct node *node)
{
    node_hold(&fs->nodes, node);
    open->local = node;
    local_of(node)->opened++;
    local_use(local_of(node));
}

void open_file_close(struct filesystem *fs, struct open_file *open)
{
    pthread_mutex_lock(&fs->nodes.lock);
    *open->link_to_this = open->next;
    if (open->next)
        open->next->link_to_this = open->link_to_this;
    if (open->draft) {
        draft_keep_rest(fs, open->draft);
        draft_drop(fs, open->draft);
    }
    bool changes = open->changes || open->local;
    if (open->local)
        open_file_drop_local(fs, open);
    if (open->cached)
        open->place.node->readers--;
    if (open->place.node)
        node_drop(&fs->nodes, open->place.node);
    nodes_trim(&fs->nodes);
    bool spills = fs->leaving_texts != NULL;
    pthread_mutex_unlock(&fs->nodes.lock);
    if (spills && changes)
        unsaved_spill(fs);
    passthrough_leave(fs->passthrough, open->way);
    if (open->reader)
        remote_reader_unref(open->reader);
    buf_release(&open->text);
    object_unref(open->object);
    free(open);
}

void open_file_close_all(struct filesystem *fs)
{
    while (fs->open_files)
        open_file_close(fs, fs->open_files);
}

/* Opens an attribute for writing; the answer of `ready` says whether it may be. */
static enum readiness prepare_draft(struct request *request, struct place place,
                                    struct open_file *open, bool fresh, int *error_number)
{
    open->draft = draft_new(request->fs, place, NULL, fresh, open->append);
    *error_number = ENOMEM;
    return open->draft ? READY : FAILED;
}

static enum readiness prepare_local(struct request *request, struct node *node,
                                    struct open_file *open)
{
    struct local *local = local_of(node);
    if (request->file.flags & O_TRUNC) {
        buf_clear(&local->text);
        local->failure = 0;
        local_touch(local);
        local->copy_of = 0;
    }
    if (open->writes)
        scratch_rebase(node);
    hold_local(request->fs, open, node);
    return READY;
}

/* The bit of struct node's `pages`; 0: the kernel keeps no text of this member. */
static uint64_t pages_bit(const struct filesystem *fs, struct place place)
{
    bool editable = place_mode(fs, place) & S_IWUSR;
    return place.member < 64 && !editable ? UINT64_C(1) << place.member : 0;
}

bool open_file_show_size(const struct request *request, struct stat *attributes)
{
    struct open_file *open = request->has_file ? file_handle(request) : NULL;
    off_t shown = attributes->st_size, known;
    if (!open || !S_ISREG(attributes->st_mode))
        return false;
    if (open->draft && open->draft->edit.dirty)
        attributes->st_size = (off_t)open->draft->edit.text.size;
    else if (open->object && (known = member_known_size(open->member, open->object)) >= 0)
        attributes->st_size = known;
    else if (open->object && open_file_text(request->fs, open))
        attributes->st_size = (off_t)open->text.size;
    return attributes->st_size != shown;
}

/* What the kernel has of an attribute stays good as long as the node has the same object. Where the
 * text has just changed, or is about to, each handle reads its own, past the kernel's pages: that
 * costs no request more, but what maps the file shared. There is nothing to say when a reader
 * closes it. */
static void describe_attribute(struct request *request, struct place place, struct open_file *open)
{
    uint64_t bit = pages_bit(request->fs, place);
    node_hold(&request->fs->nodes, place.node);
    open->place = place;
    request->file.noflush = 1;
    request->file.direct_io = open_file_mixes(request->fs, place) || room_is_edited(place);
    if (request->file.direct_io)
        return;
    request->file.keep_cache = (place.node->pages & bit) != 0;
    place.node->pages |= bit;
    open->cached = true;
    place.node->readers++;
}

static int refuses(const struct request *request, struct place place)
{
    bool reads = (request->file.flags & O_ACCMODE) != O_WRONLY;
    int error_number = reads ? place_refuses_look(request, place, R_OK) : 0;
    return !error_number && writes(request) ? place_refuses_change(request, place) : error_number;
}

/* What can be read is there: for some files that is more than their size. */
static enum readiness ready_text(struct request *request, struct node *node, int *error_number)
{
    return node->kind == NODE_PROVENANCE ? provenance_ready(request, node, true, error_number)
                                         : ready_object(request, node, error_number);
}

static enum readiness prepare(struct request *request, struct place place, struct open_file *open,
                              int *error_number)
{
    place = place_behind(place);
    *error_number = refuses(request, place);
    if (*error_number)
        return FAILED;
    if (place.node->kind == NODE_LOCAL)
        return prepare_local(request, place.node, open);
    if (place.node->kind == NODE_FILE)
        return read_file_prepare(request, place.node, &open->origin, error_number);
    const struct member *member = member_of(place);
    bool edits = writes(request) && member && member->editing;
    enum readiness readiness = edits ? ready_object_now(request, place.node, error_number)
                                     : ready_text(request, place.node, error_number);
    if (readiness != READY)
        return readiness;
    if (edits)
        return prepare_draft(request, place, open, request->file.flags & O_TRUNC, error_number);
    if (place.node->object && member && member->render) {
        open->object = object_ref(place.node->object);
        open->member = member;
        describe_attribute(request, place, open);
        return READY;
    }
    if (place_render(request->fs, place, &open->text))
        return READY;
    *error_number = EIO;
    return FAILED;
}

static struct open_file *new_open_file(const struct request *request)
{
    struct open_file *open = calloc(1, sizeof *open);
    if (!open)
        return NULL;
    buf_init(&open->text, TEXT_CEILING);
    open->append = request->file.flags & O_APPEND;
    open->writes = writes(request);
    struct filesystem *fs = request->fs;
    pthread_mutex_lock(&fs->nodes.lock);
    open->next = fs->open_files;
    open->link_to_this = &fs->open_files;
    if (open->next)
        open->next->link_to_this = &open->next;
    fs->open_files = open;
    pthread_mutex_unlock(&fs->nodes.lock);
    return open;
}

/* What the kernel may do with the handle. */
static void describe(struct request *request, struct open_file *open, bool control)
{
    request->file.fh = (uintptr_t)open;
    open->changes = open->draft || open->local;
    /* The control files' texts change all the time: read to the end, whatever stat said. What is
     * being written is for nobody else to see: it must not get into the kernel's cache. */
    request->file.direct_io |= control || open->draft;
}

/* Content never changes: what the kernel has of it stays good, and its close says nothing. */
static void describe_content(struct request *request, const struct open_file *open)
{
    request->file.keep_cache = remote_pages_are_good(open->reader);
    request->file.noflush = 1;
}

/* The content of the node may have turned out wrong since this open began. */
static bool is_gone(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    bool gone = node_place(nodes, request->id).node->gone;
    pthread_mutex_unlock(&nodes->lock);
    return gone;
}

/* Chosen by the first one who has it open. */
static struct passed_inode *choose_way(struct request *request, struct remote_reader *reader,
                                       bool may_wait)
{
    struct passthrough *passthrough = request->fs->passthrough;
    struct passed_inode *way = passthrough_join(passthrough, request->id);
    if (way)
        return way;
    bool asks = may_wait && passthrough_is_wanted(passthrough);
    return passthrough_enter(passthrough, request->id, asks ? remote_hold(reader) : NULL);
}

static enum readiness open_content(struct request *request, struct open_file *open,
                                   int *error_number)
{
    bool may_wait = session_loop_may_wait();
    open->reader = read_file_open(steal(open->origin), may_wait);
    *error_number = open->reader ? ESTALE : ENOMEM;
    if (!open->reader || is_gone(request))
        return FAILED;
    open->way = choose_way(request, open->reader, may_wait);
    *error_number = ENOMEM;
    if (!open->way)
        return FAILED;
    if (passthrough_is_passed(open->way))
        remote_note_passed(open->reader);
    describe_content(request, open);
    return READY;
}

bool open_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct open_file *open = new_open_file(request);
    int error_number = ENOMEM;
    enum readiness readiness = FAILED;
    bool control = false;
    if (open) {
        pthread_mutex_lock(&nodes->lock);
        struct place place = node_place(nodes, request->id);
        readiness = prepare(request, place, open, &error_number);
        control = place.node->kind == NODE_CONTROL;
        pthread_mutex_unlock(&nodes->lock);
    }
    if (readiness == READY && open->origin)
        readiness = open_content(request, open, &error_number);
    if (readiness == READY) {
        describe(request, open, control);
        if (passthrough_reply_open(request->fuse, &request->file, open->way) != 0)
            open_file_close(request->fs, open);
        return true;
    }
    if (open)
        open_file_close(request->fs, open);
    if (readiness == FAILED)
        fuse_reply_err(request->fuse, error_number);
    return readiness == FAILED;
}

/* --- create: answers from memory where it can, the kernel holds the directory's lock --- */

/* An attribute whose name was away for a moment, or that somebody else has just brought back. */
static int create_attribute(struct request *request, struct place place, struct open_file *open)
{
    bool was_away = room_hides(place);
    int error_number = place_refuses_change(request, place);
    if (!error_number && (request->file.flags & O_EXCL) && !was_away)
        error_number = EEXIST;
    if (error_number)
        return error_number;
    prepare_draft(request, place, open, was_away || (request->file.flags & O_TRUNC), &error_number);
    if (!open->draft)
        return error_number;
    if (was_away) /* made new, but nothing taken away yet */
        edit_clean(&open->draft->edit);
    room_unhide(place);
    return 0;
}

static int create_scratch(struct request *request, struct place directory, struct place *found,
                          struct open_file *open)
{
    struct nodes *nodes = &request->fs->nodes;
    int error_number = 0;
    found->node = local_file(node_find(nodes, directory.node, MEMBER_SELF, request->name));
    if (found->node && ((request->file.flags & O_EXCL) || !S_ISREG(local_of(found->node)->mode)))
        return EEXIST;
    if (!found->node)
        found->node = scratch_new(request, directory, request->name,
                                  S_IFREG | ((mode_t)request->flags & 07777), &error_number);
    if (!found->node)
        return error_number;
    prepare_local(request, found->node, open);
    return 0;
}

/* A member whose name was away for a moment, or somebody who is to become one; programs' temporary
 * files are in memory only. */
static enum readiness create_in_roster(struct request *request, struct place roster,
                                       struct place *found, struct open_file *open,
                                       int *error_number)
{
    bool exclusive = request->file.flags & O_EXCL;
    struct node *named = NULL;
    enum readiness readiness = FAILED;
    if (!request->change)
        readiness = ready_entry(request, roster, request->name, &named, error_number);
    if (readiness == WAITING || (!request->change && !named && *error_number != ENOENT))
        return readiness;
    if (named && named->kind == NODE_ROLE) {
        found->node = named;
        *error_number = create_attribute(request, *found, open);
        return *error_number ? FAILED : READY;
    }
    if (named || (!request->change && roster_is_temporary(request->name, exclusive))) {
        *error_number = create_scratch(request, roster, found, open);
        return *error_number ? FAILED : READY;
    }
    readiness = roster_begin(request, roster, &found->node, error_number);
    if (readiness == READY)
        readiness = prepare_draft(request, *found, open, true, error_number);
    if (readiness == READY) /* made new, but nothing taken away */
        edit_clean(&open->draft->edit);
    return readiness;
}

static int create_in_registry(struct request *request, struct place directory, struct place *found,
                              struct open_file *open)
{
    const struct member *member = member_by_name(NODE_REGISTRY, request->name);
    if (!member)
        return create_scratch(request, directory, found, open);
    found->member = member->id;
    return create_attribute(request, *found, open);
}

static enum readiness create(struct request *request, struct open_file *open,
                             struct fuse_entry_param *entry, int *error_number)
{
    struct filesystem *fs = request->fs;
    struct place directory = node_place(&fs->nodes, request->id);
    struct place found = {directory.node, MEMBER_SELF};
    enum readiness readiness = READY;
    *error_number = place_refuses_change(request, directory);
    if (*error_number)
        return FAILED;
    if (directory.node->kind == NODE_ROSTER) {
        readiness = create_in_roster(request, directory, &found, open, error_number);
    } else {
        *error_number = directory.node->kind == NODE_REGISTRY
                            ? create_in_registry(request, directory, &found, open)
                            : EPERM;
        readiness = *error_number ? FAILED : READY;
    }
    if (readiness != READY)
        return readiness;
    cleanup_buf struct buf scratch;
    buf_init(&scratch, TEXT_CEILING);
    *error_number = EIO;
    if (!place_entry(fs, found, &scratch, entry))
        return FAILED;
    node_add_lookup(&fs->nodes, found.node);
    return READY;
}

bool create_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct open_file *open = new_open_file(request);
    struct fuse_entry_param entry;
    int error_number = ENOMEM;
    enum readiness readiness = FAILED;
    if (open) {
        pthread_mutex_lock(&nodes->lock);
        readiness = create(request, open, &entry, &error_number);
        pthread_mutex_unlock(&nodes->lock);
    }
    if (readiness == READY) {
        describe(request, open, false);
        if (fuse_reply_create(request->fuse, &entry, &request->file) == 0)
            return true;
        pthread_mutex_lock(&nodes->lock);
        node_forget(nodes, node_place(nodes, entry.ino).node, 1);
        pthread_mutex_unlock(&nodes->lock);
        open_file_close(request->fs, open);
        return true;
    }
    if (open)
        open_file_close(request->fs, open);
    if (readiness == FAILED)
        fuse_reply_err(request->fuse, error_number);
    return readiness == FAILED;
}

/* --- read --- */

static size_t cut_page(const struct request *request, struct text text, const char **page)
{
    size_t offset = (size_t)request->offset;
    if (offset >= text.size)
        return 0;
    *page = text.bytes + offset;
    size_t left = text.size - offset;
    return left < request->size ? left : request->size;
}

/* What an old handle reads while the node has another object is not for the next one to keep. Needs
 * nodes->lock. */
static void note_pages(const struct filesystem *fs, const struct open_file *open)
{
    if (open->cached && open->place.node->object != open->object)
        open->place.node->pages &= ~pages_bit(fs, open->place);
}

/* As make_text, but gives the lock up while a text is made that takes long. */
static bool make_long_text(struct request *request, struct open_file *open)
{
    struct filesystem *fs = request->fs;
    struct text shared;
    if (!open->object || open->text.size > 0 || member_known_size(open->member, open->object) < 0 ||
        member_shares_text(open->member, open->object, &shared))
        return open_file_text(fs, open);
    cleanup_buf struct buf text;
    buf_init(&text, TEXT_CEILING);
    pthread_mutex_unlock(&fs->nodes.lock);
    session_loop_step_aside();
    bool made = open->member->render(fs, open->member, open->object, &text);
    pthread_mutex_lock(&fs->nodes.lock);
    if (made && open->text.size == 0) {
        struct buf unused = open->text;
        open->text = text;
        text = unused;
    }
    return made;
}

/* The text of the handle: a draft's and a scratch file's may change meanwhile. Needs nodes->lock.
 */
static struct text text_of_handle(struct filesystem *fs, struct open_file *open)
{
    const struct draft *draft = open_file_draft(fs, open);
    const struct buf *text = &open->text;
    struct text shared;
    if (open->object && member_shares_text(open->member, open->object, &shared))
        return shared;
    if (draft)
        text = &draft->edit.text;
    else if (open->local)
        text = &local_of(open->local)->text;
    return (struct text){text->data, text->size};
}

/* Replies a copy: the reader may close the file, and so free the handle, before a reply returns. */
bool read_body(struct request *request)
{
    struct open_file *open = file_handle(request);
    struct nodes *nodes = &request->fs->nodes;
    const char *page = NULL;
    if (open->reader)
        return read_file_body(request, open->reader, &open->gave_up);
    pthread_mutex_lock(&nodes->lock);
    note_pages(request->fs, open);
    bool made = make_long_text(request, open);
    size_t size = made ? cut_page(request, text_of_handle(request->fs, open), &page) : 0;
    char *copy = malloc(size + 1);
    if (copy && size > 0)
        memcpy(copy, page, size);
    pthread_mutex_unlock(&nodes->lock);
    if (copy && made)
        fuse_reply_buf(request->fuse, copy, size);
    else
        fuse_reply_err(request->fuse, made ? ENOMEM : EIO);
    free(copy);
    return true;
}
