/* SPDX-License-Identifier: MIT */
#include "change.h"

#include "base/clock.h"
#include "report/errnos.h"
#include "report/options.h"
#include "tree/directory.h"
#include "tree/kernel_cache.h"
#include "tree/room.h"
#include "tree/stat.h"
#include "unsaved.h"
#include "wait/callers.h"
#include "wait/fetch.h"

#include <errno.h>

enum {
    PATH_SIZE = 1024,
    SETTLE_MS = 500, /* for the kernel to have forgotten what has changed */
};

struct change *change_new(struct filesystem *fs, const struct change_type *type, struct node *node)
{
    struct change *change = calloc(1, sizeof *change);
    if (!change)
        return NULL;
    atomic_init(&change->references, 1);
    change->type = type;
    change->fs = fs;
    change->node = node;
    change->begun = clock_nanoseconds();
    node_hold(&fs->nodes, node);
    buf_init(&change->text, TEXT_CEILING);
    return change;
}

static struct change *change_ref(struct change *change)
{
    atomic_fetch_add(&change->references, 1);
    return change;
}

/* Any thread, no lock held. NULL is allowed. */
static void change_unref(struct change *change)
{
    if (!change || atomic_fetch_sub(&change->references, 1) != 1)
        return;
    struct nodes *nodes = &change->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    if (change->type->release)
        change->type->release(change);
    if (change->source)
        node_drop(nodes, change->source);
    if (change->made)
        node_drop(nodes, change->made);
    node_drop(nodes, change->node);
    nodes_trim(nodes);
    pthread_mutex_unlock(&nodes->lock);
    buf_release(&change->text);
    object_unref(change->base);
    object_unref(change->known);
    object_unref(change->outcome);
    free(change->name);
    free((char *)(uintptr_t)change->path);
    free(change);
}

static int run(struct fetch *fetch, struct call *call);

static void release(void *change)
{
    change_unref(change);
}

/* need.subject: the change. */
static const struct fetch_type change_fetch = {.operation = "change",
                                               .kind = CALL_CHANGE,
                                               .run = run,
                                               .release = release,
                                               .keeps_running = true};

static struct need need_of(struct change *change)
{
    node_hold(&change->fs->nodes, change->node);
    return (struct need){
        .type = &change_fetch, .node = change->node, .subject = change_ref(change)};
}

enum readiness change_wait(struct request *request, struct change *change)
{
    request->need = need_of(change);
    return WAITING;
}

/* Under nodes->lock. *freed: a reference that the caller drops once it has let go of the lock. */
static void end(struct change *change, const struct error *error, struct change **freed)
{
    struct room *room = room_find(change->node);
    *freed = NULL;
    if (change->done)
        return;
    change->started = change->done = true;
    if (error)
        change->error = *error;
    if (!error && change->member)
        caller_forget_removal(change->node, change->member->name);
    if (change->type->ended)
        change->type->ended(change, error);
    if (room && room->running == change) {
        room->running = NULL;
        *freed = change;
    }
}

enum readiness change_outcome(struct request *request, int *error_number)
{
    struct change *change = request->change;
    struct change *freed = NULL;
    if (!change->done && !change->started && request->failure.kind != ERROR_NONE)
        end(change, &request->failure, &freed); /* no thread and no memory to run it */
    if (freed)
        atomic_fetch_sub(&freed->references, 1); /* the request has another one */
    if (!change->done)
        return change_wait(request, change);
    *error_number = errno_of(change->error.kind);
    return change->error.kind == ERROR_NONE ? READY : FAILED;
}

void change_give(struct request *request, struct change *change)
{
    request->change = change;
    request->drop_change = change_unref;
}

enum readiness change_begin(struct request *request, struct change *change, int *error_number)
{
    struct room *room = NULL;
    *error_number = ENOMEM;
    change_give(request, change);
    change->thread = fuse_req_ctx(request->fuse)->pid;
    if ((change->node->kind == NODE_REGISTRY || change->node->kind == NODE_ROLE) &&
        !(room = room_of(request->fs, change->node)))
        return FAILED;
    if (room)
        room->running = change_ref(change);
    return change_wait(request, change);
}

/* Under nodes->lock: what it needs out of the tree to run without it. */
static void note_path(struct change *change)
{
    char path[PATH_SIZE];
    struct place place = {change->node, change->member ? change->member->id : MEMBER_SELF};
    place_path(place, path, sizeof path);
    change->path = strdup(path);
}

static int run(struct fetch *fetch, struct call *call)
{
    struct change *change = fetch->subject, *freed;
    struct filesystem *fs = change->fs;
    const struct change_type *type = change->type;
    pthread_mutex_lock(&fs->nodes.lock);
    bool first = !change->started;
    change->started = true;
    if (first)
        note_path(change);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (!first)
        return 0;
    int limit = type->time_limit_ms ? type->time_limit_ms : fs->options->timeout_ms;
    call->deadline = clock_milliseconds() + limit;
    bool good = type->run(change, call) == 0;
    pthread_mutex_lock(&fs->nodes.lock);
    end(change, good ? NULL : call->error, &freed);
    pthread_mutex_unlock(&fs->nodes.lock);
    change_unref(freed);
    unsaved_spill(fs);
    const char *path = change->path ? change->path : "?";
    if (!good) {
        journal_add(fs->journal, type->operation, path, call->error->kind, call->error->message);
        log_write(fs->log, CLIENT_LOG_WARNING, "%s %s: %s", type->operation, path,
                  call->error->message);
    }
    kernel_cache_settle(fs->kernel_cache, SETTLE_MS);
    return good ? 0 : -1;
}

void change_lineage(struct change *change, struct lineage *lineage)
{
    struct nodes *nodes = &change->fs->nodes;
    pthread_mutex_lock(&nodes->lock);
    lineage_of(change->node, lineage);
    pthread_mutex_unlock(&nodes->lock);
}

struct call change_question(const struct change *change, const struct call *call)
{
    struct call limited = *call;
    limited.deadline = clock_milliseconds() + change->fs->options->timeout_ms;
    if (call->deadline < limited.deadline)
        limited.deadline = call->deadline;
    return limited;
}

void change_show(struct change *change, const void *now, int64_t asked)
{
    struct node *node = change->node;
    const struct directory *row = directory_row(node->parent->kind, node->member);
    node_become(node, now, directory_identity(row, node->name, now), asked);
    kernel_cache_forget_attributes(change->fs, node);
}
