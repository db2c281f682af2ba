/* SPDX-License-Identifier: MIT */
#include "registry_change.h"

#include "base/clock.h"
#include "dropped_in.h"
#include "report/errnos.h"
#include "report/options.h"
#include "text/name.h"
#include "tree/directory.h"
#include "tree/kernel_cache.h"
#include "tree/place.h"
#include "tree/room.h"
#include "tree/stat.h"
#include "unsaved.h"
#include "wait/callers.h"

#include <errno.h>

enum { PATH_SIZE = 1024 + NAME_LIMIT };

/* Needs nodes->lock. What is still on its way may be from before the change. */
static void outdate(struct node *node)
{
    struct facet *siblings = node_facet(node->parent, node->member);
    node->changed = clock_nanoseconds();
    if (siblings)
        siblings->changed = node->changed;
}

void registry_change_show(struct change *change, struct call *call, const struct registry *now,
                          int64_t asked)
{
    struct nodes *nodes = &change->fs->nodes;
    cleanup_object struct registry *newer = NULL;
    struct error error = {0};
    struct call again = {.cancelled = call->cancelled, .deadline = call->deadline, .error = &error};
    pthread_mutex_lock(&nodes->lock);
    outdate(change->node);
    bool ambiguous = change->node->fetched > asked;
    if (!ambiguous)
        change_show(change, now, asked);
    pthread_mutex_unlock(&nodes->lock);
    if (!ambiguous || registry_change_read(change, &again, &newer) == 0)
        return;
    pthread_mutex_lock(&nodes->lock);
    change_show(change, now, asked);
    pthread_mutex_unlock(&nodes->lock);
}

int registry_change_read(struct change *change, struct call *call, struct registry **now)
{
    struct filesystem *fs = change->fs;
    struct lineage lineage;
    change_lineage(change, &lineage);
    int64_t asked = clock_nanoseconds();
    struct call limited = change_question(change, call);
    int result = client_get_registry(fs->client, &limited, lineage.organization,
                                     lineage.registry->name, now);
    if (result == 0 && !text_equal((*now)->id, lineage.registry->id))
        result = error_set(call->error, ERROR_STALE,
                           "another registry has taken the name meanwhile; nothing was sent");
    pthread_mutex_lock(&fs->nodes.lock);
    if (result == 0 && !node_is_newer(change->node, asked))
        change_show(change, *now, asked);
    pthread_mutex_unlock(&fs->nodes.lock);
    lineage_release(&lineage);
    return result;
}

/* --- rename --- */

/* Gives the node its new name, here and in the kernel: open files stay what they are. When the
 * kernel itself has asked for it (mv), it moves its own entry. */
static void follow_rename(struct change *change, struct call *call, const struct registry *now,
                          int64_t asked)
{
    struct filesystem *fs = change->fs;
    struct node *node = change->node;
    struct place directory = {node->parent, node->member};
    char name[NAME_LIMIT + 1];
    name_escape(now->name, 0, name);
    bool by_kernel = change->member == NULL;
    pid_t writer = by_kernel ? 0 : caller_process(change->thread);
    pthread_mutex_lock(&fs->nodes.lock);
    unsaved_drop(fs, (struct place){node, MEMBER_NAME});
    unsaved_follow_rename(fs, node, name);
    former_name_note(&fs->former_names, &fs->nodes, node, writer, clock_nanoseconds());
    former_name_drop(&fs->former_names, &fs->nodes, directory, name);
    if (!by_kernel)
        kernel_cache_remove_entry(fs, node);
    if (node_rename(&fs->nodes, node, name)) {
        if (!by_kernel)
            kernel_cache_remove_name(fs, directory, name);
        else
            room_note_save(fs, (struct place){node, MEMBER_NAME}, now);
    }
    pthread_mutex_unlock(&fs->nodes.lock);
    registry_change_show(change, call, now, asked);
}

int registry_change_rename(struct change *change, struct call *call, const struct registry *now,
                           struct text new_name)
{
    int64_t asked = clock_nanoseconds();
    struct registry *renamed = NULL;
    int result = client_rename_registry(change->fs->client, call, now, new_name, &renamed);
    change->outcome = renamed;
    if (result == 0)
        follow_rename(change, call, change->outcome, asked);
    else if (change->outcome)
        registry_change_show(change, call, change->outcome, asked);
    return result;
}

static int run_rename(struct change *change, struct call *call)
{
    cleanup_object struct registry *now = NULL;
    if (registry_change_read(change, call, &now) != 0)
        return -1;
    return registry_change_rename(change, call, now, text_of(change->name));
}

static const struct change_type rename_type = {.operation = "rename", .run = run_rename};

/* The server's name of a new file name, into change->name. */
static int take_name(struct change *change, const char *file_name)
{
    struct text name;
    if (name_is_cut(file_name) || !name_unescape(file_name, &name))
        return EINVAL;
    change->name = (char *)(uintptr_t)name.bytes;
    return 0;
}

/* Takes over the reference. */
static enum readiness begin_named(struct request *request, struct change *change,
                                  const char *file_name, int *error_number)
{
    *error_number = change ? take_name(change, file_name) : ENOMEM;
    if (*error_number == 0)
        return change_begin(request, change, error_number);
    change_give(request, change);
    return FAILED;
}

/* Needs nodes->lock: says in `errors` why a name in an organization is refused. */
static void report_refusal(const struct request *request, const struct node *organization,
                           const char *name, enum error_kind kind, const char *reason)
{
    char path[PATH_SIZE];
    place_path((struct place){(struct node *)(uintptr_t)organization, MEMBER_SELF}, path,
               sizeof path - NAME_LIMIT - 2);
    size_t used = strlen(path);
    snprintf(path + used, sizeof path - used, "/%.*s", NAME_LIMIT, name);
    journal_add(request->fs->journal, request->operation, path, kind, reason);
}

/* What the new file name of a registry breaks; *error says the rule. */
static void check_new_name(const char *file_name, struct error *error)
{
    struct text name = {0};
    if (file_name[0] == '.' || file_name[0] == '@')
        error_set(error, ERROR_NOT_PERMITTED, "a registry's name must not start with . or @");
    else if (name_is_cut(file_name) || !name_unescape(file_name, &name))
        error_set(error, ERROR_NOT_PERMITTED, "no registry can have this file name");
    else if (registry_check_name(name, error) != 0 && error->kind == ERROR_INVALID)
        error->kind = ERROR_NOT_PERMITTED;
    free((char *)(uintptr_t)name.bytes);
}

void registry_note_refused_move(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct caller caller = caller_of_request(request);
    pthread_mutex_lock(&nodes->lock);
    struct place from = node_place(nodes, request->id), to = node_place(nodes, request->other_id);
    if (from.node->kind == NODE_ORGANIZATION && to.node->kind == NODE_ORGANIZATION &&
        from.node != to.node) {
        caller_note(to.node, caller, DEED_MOVE_TO_HERE, request->other_name);
        report_refusal(request, to.node, request->other_name, ERROR_NOT_PERMITTED,
                       "a registry cannot be moved to another organization; nothing was sent");
    }
    pthread_mutex_unlock(&nodes->lock);
}

/* The new name still leads the caller to another registry, which the kernel would take for replaced
 * after a success. It walks the path once more after ESTALE, and finds the name free. */
static bool takes_former_name(const struct request *request, struct place directory)
{
    struct filesystem *fs = request->fs;
    bool leads = former_name_find(&fs->former_names, &fs->nodes, directory, request->other_name,
                                  request->process, false, clock_nanoseconds()) != NULL;
    if (leads)
        former_name_drop(&fs->former_names, &fs->nodes, directory, request->other_name);
    return leads;
}

enum readiness registry_rename(struct request *request, struct place from, struct place to,
                               int *error_number)
{
    struct filesystem *fs = request->fs;
    if (request->change)
        return change_outcome(request, error_number);
    error_clear(&request->failure);
    struct node *node = node_find(&fs->nodes, from.node, from.member, request->name);
    *error_number = ENOENT;
    if (!node)
        return FAILED;
    *error_number = EPERM; /* EXDEV would make tools delete what is there, and copy */
    if (from.node != to.node)
        return FAILED;
    *error_number = EEXIST;
    if (node_find(&fs->nodes, to.node, to.member, request->other_name) ||
        node_find_query(&fs->nodes, to.node, to.member, request->other_name))
        return FAILED;
    struct error rule = {0};
    check_new_name(request->other_name, &rule);
    if (rule.kind != ERROR_NONE) {
        *error_number = errno_of(rule.kind);
        report_refusal(request, to.node, request->other_name, rule.kind, rule.message);
        return FAILED;
    }
    const struct room *room = room_find(node);
    if (room && room->running)
        return change_wait(request, room->running);
    if (takes_former_name(request, to)) {
        *error_number = ESTALE;
        return FAILED;
    }
    return begin_named(request, change_new(fs, &rename_type, node), request->other_name,
                       error_number);
}

/* --- mkdir --- */

static int run_create(struct change *change, struct call *call)
{
    struct filesystem *fs = change->fs;
    struct lineage lineage;
    change_lineage(change, &lineage);
    cleanup_object struct registry *created = NULL;
    int64_t asked = clock_nanoseconds();
    int result = client_create_registry(fs->client, call, lineage.organization,
                                        text_of(change->name), change->visibility, &created);
    lineage_release(&lineage);
    if (result != 0)
        return -1;
    struct place directory = {change->node, MEMBER_SELF};
    const struct directory *row = directory_of(directory);
    char name[NAME_LIMIT + 1];
    name_escape(created->name, 0, name);
    pthread_mutex_lock(&fs->nodes.lock);
    change->made = node_install(&fs->nodes, directory, NODE_REGISTRY, name, created,
                                directory_identity(row, name, created), asked);
    former_name_drop(&fs->former_names, &fs->nodes, directory, name);
    if (change->made) {
        node_hold(&fs->nodes, change->made);
        outdate(change->made);
    }
    pthread_mutex_unlock(&fs->nodes.lock);
    return change->made ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

static const struct change_type create_type = {.operation = "mkdir", .run = run_create};

static enum readiness create(struct request *request, struct fuse_entry_param *entry,
                             int *error_number)
{
    struct filesystem *fs = request->fs;
    struct place directory = node_place(&fs->nodes, request->id);
    if (request->change) {
        enum readiness readiness = change_outcome(request, error_number);
        cleanup_buf struct buf scratch;
        buf_init(&scratch, TEXT_CEILING);
        *error_number = readiness == READY ? EIO : *error_number;
        if (readiness != READY)
            return readiness;
        struct place made = {request->change->made, MEMBER_SELF};
        if (!place_entry(fs, made, &scratch, entry))
            return FAILED;
        node_add_lookup(&fs->nodes, made.node);
        return READY;
    }
    *error_number = place_refuses_change(request, directory);
    if (!*error_number && directory.node->kind != NODE_ORGANIZATION)
        *error_number = EPERM;
    if (!*error_number && (request->name[0] == '.' || request->name[0] == '@'))
        *error_number = EPERM;
    if (*error_number)
        return FAILED;
    struct change *change = change_new(fs, &create_type, directory.node);
    if (change)
        change->visibility = request->flags & 077 ? VISIBILITY_ORGANIZATION : VISIBILITY_RESTRICTED;
    return begin_named(request, change, request->name, error_number);
}

/* Whether this is the next step of a tool whose mv to here was refused, or that is just reading the
 * registry of that name in another organization: a copy would publish it there. */
static bool is_copied_here(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct caller caller = caller_of_request(request);
    pid_t openers[MOST_OPENERS];
    unsigned count = 0;
    bool copied = false;
    pthread_mutex_lock(&nodes->lock);
    struct place directory = node_place(nodes, request->id);
    if (directory.node->kind == NODE_ORGANIZATION && directory.member == MEMBER_SELF) {
        copied = caller_did(directory.node, caller, DEED_MOVE_TO_HERE, request->name);
        count = caller_openers(nodes, directory.node, request->name, openers);
    }
    pthread_mutex_unlock(&nodes->lock);
    for (unsigned i = 0; i < count && !copied; i++)
        copied = caller.group && caller_of(openers[i]).group == caller.group;
    if (!copied)
        return false;
    pthread_mutex_lock(&nodes->lock);
    report_refusal(request, node_place(nodes, request->id).node, request->name, ERROR_NOT_PERMITTED,
                   "a registry is not copied to another organization with its files; mkdir alone "
                   "makes a new one");
    pthread_mutex_unlock(&nodes->lock);
    return true;
}

bool mkdir_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct fuse_entry_param entry;
    int error_number = 0;
    if (!request->change && is_copied_here(request)) {
        fuse_reply_err(request->fuse, EPERM);
        return true;
    }
    pthread_mutex_lock(&nodes->lock);
    enum readiness readiness = create(request, &entry, &error_number);
    pthread_mutex_unlock(&nodes->lock);
    if (readiness == FAILED)
        fuse_reply_err(request->fuse, error_number);
    if (readiness == READY && fuse_reply_entry(request->fuse, &entry) != 0) {
        pthread_mutex_lock(&nodes->lock);
        node_forget(nodes, request->change->made, 1);
        pthread_mutex_unlock(&nodes->lock);
    }
    return readiness != WAITING;
}

/* --- rmdir --- */

static int run_remove(struct change *change, struct call *call)
{
    struct filesystem *fs = change->fs;
    cleanup_object struct registry *now = NULL;
    if (registry_change_read(change, call, &now) != 0)
        return -1;
    struct lineage lineage;
    change_lineage(change, &lineage);
    bool empty = true;
    int result = 0;
    if (fs->options->rmdir != RMDIR_ANY)
        result = client_registry_is_empty(fs->client, call, lineage.organization, now, &empty);
    lineage_release(&lineage);
    if (result == 0 && !empty)
        return error_set(call->error, ERROR_NOT_EMPTY,
                         "it has collections; only a mount with --rmdir any deletes it");
    if (result != 0 || client_delete_registry(fs->client, call, now) != 0)
        return -1;
    pthread_mutex_lock(&fs->nodes.lock);
    struct facet *siblings = node_facet(change->node->parent, change->node->member);
    if (siblings)
        siblings->changed = clock_nanoseconds();
    node_remove(&fs->nodes, change->node);
    pthread_mutex_unlock(&fs->nodes.lock);
    return 0;
}

static const struct change_type remove_type = {.operation = "rmdir", .run = run_remove};

/* The errno of what no rmdir may remove, or 0. Tries are noted: what comes next may be the
 * deleter's rmdir of a registry. EBUSY because some tools go on after EPERM and ENOTEMPTY. */
static int refuse_rmdir(struct request *request, struct place directory, struct caller caller)
{
    struct filesystem *fs = request->fs;
    struct node *registry = node_ancestor(directory.node, NODE_REGISTRY);
    struct node *named = node_find(&fs->nodes, directory.node, directory.member, request->name);
    if (registry)
        caller_note(registry, caller, DEED_REMOVAL, NULL);
    int error_number = place_refuses_change(request, directory);
    if (named && named->kind == NODE_ORGANIZATION && error_number == EPERM) {
        caller_note(named, caller, DEED_RMDIR, NULL);
        error_number = EBUSY;
    }
    if (!error_number &&
        (directory.node->kind != NODE_ORGANIZATION || fs->options->rmdir == RMDIR_NEVER))
        error_number = EPERM;
    return error_number || named ? error_number : ENOENT;
}

/* Whether the caller is on its way through the tree with everything that it finds. */
static bool is_deleter(const struct node *registry, struct caller caller)
{
    return caller_did(registry, caller, DEED_REMOVAL, NULL) ||
           caller_did(registry, caller, DEED_MEMBER, NULL) ||
           caller_did(registry->parent, caller, DEED_RMDIR, NULL);
}

static bool has_dropped_in(const struct node *registry)
{
    const struct node *child = registry->first_child;
    while (child && !dropped_in_has_text(child))
        child = child->next_sibling;
    return child != NULL;
}

static enum readiness remove_registry(struct request *request, struct caller caller,
                                      int *error_number)
{
    struct filesystem *fs = request->fs;
    struct place directory = node_place(&fs->nodes, request->id);
    if (request->change)
        return change_outcome(request, error_number);
    error_clear(&request->failure);
    *error_number = refuse_rmdir(request, directory, caller);
    if (*error_number)
        return FAILED;
    struct node *node = node_find(&fs->nodes, directory.node, directory.member, request->name);
    *error_number = ENOTEMPTY;
    if (is_deleter(node, caller)) {
        report_refusal(request, directory.node, request->name, ERROR_NOT_EMPTY,
                       "not deleted: the same session has just tried to remove what is in it, as "
                       "recursive deleters do; rmdir alone works after ten seconds");
        return FAILED;
    }
    if (has_dropped_in(node)) {
        report_refusal(request, directory.node, request->name, ERROR_NOT_EMPTY,
                       "not deleted: a file was put into it that is in memory only; move or remove "
                       "it first");
        return FAILED;
    }
    const struct room *room = room_find(node);
    if (room && room->running)
        return change_wait(request, room->running);
    struct change *change = change_new(fs, &remove_type, node);
    *error_number = ENOMEM;
    return change ? change_begin(request, change, error_number) : FAILED;
}

bool rmdir_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct caller caller = caller_of_request(request);
    int error_number = 0;
    pthread_mutex_lock(&nodes->lock);
    enum readiness readiness = remove_registry(request, caller, &error_number);
    pthread_mutex_unlock(&nodes->lock);
    if (readiness != WAITING)
        fuse_reply_err(request->fuse, readiness == READY ? 0 : error_number);
    return readiness != WAITING;
}
