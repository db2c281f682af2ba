/* SPDX-License-Identifier: MIT */
#include "roster_change.h"

#include "base/clock.h"
#include "role_change.h"
#include "text/name.h"
#include "tree/directory.h"
#include "tree/local.h"
#include "tree/place.h"
#include "tree/room.h"
#include "tree/stat.h"

#include <ctype.h>
#include <errno.h>

enum {
    PATH_SIZE = 1024 + NAME_LIMIT,
};

static bool has_only(const char *text, int (*is_one)(int character))
{
    for (; *text; text++) {
        if (!is_one((unsigned char)*text))
            return false;
    }
    return true;
}

static int is_python_random(int character)
{
    return islower(character) || isdigit(character) || character == '_';
}

/* vim tries whether it may make a file: 4913, and while that is taken 123 more. */
static bool is_vim_trial(const char *name)
{
    enum { FIRST = 4913, STEP = 123, MOST_DIGITS = 6 };
    if (!has_only(name, isdigit) || name[0] == '0' || strlen(name) > MOST_DIGITS)
        return false;
    long number = strtol(name, NULL, 10);
    return number >= FIRST && (number - FIRST) % STEP == 0;
}

/* Temporary names: what they begin with, and how many random characters follow. */
static const struct {
    const char *prefix;
    size_t size;
    int (*is_random)(int character);
} random_names[] = {
    {"sed", 6, isalnum},          /* sed -i */
    {"XX", 6, isalnum},           /* perl -i */
    {"tmp", 8, is_python_random}, /* Python's tempfile */
};

bool roster_is_temporary(const char *name, bool exclusive)
{
    size_t length = strlen(name);
    if (name[0] == '.' || name[0] == '#' || name[length - 1] == '~' || name[length - 1] == '#')
        return true;
    if (!exclusive)
        return false;
    for (size_t i = 0; i < sizeof random_names / sizeof *random_names; i++) {
        size_t prefix = strlen(random_names[i].prefix);
        if (length == prefix + random_names[i].size &&
            strncmp(name, random_names[i].prefix, prefix) == 0 &&
            has_only(name + prefix, random_names[i].is_random))
            return true;
    }
    return is_vim_trial(name);
}

/* --- adding --- */

/* Somebody of that name in a registry that was looked at; NULL: in none. Needs nodes->lock. */
static struct registry_member *find_known(const struct nodes *nodes, struct text name, bool is_team)
{
    for (size_t bucket = 0; bucket < nodes->bucket_count; bucket++) {
        for (const struct node *node = nodes->buckets[bucket]; node; node = node->next_in_bucket) {
            const struct registry_member *known = node->kind == NODE_ROLE ? node->object : NULL;
            if (!known || known->is_team != is_team || !text_equal(known->name, name))
                continue;
            struct registry_member nobody = *known;
            nobody.role = (struct text){0};
            return registry_member_new(&nobody);
        }
    }
    return NULL;
}

static int run_find(struct change *change, struct call *call)
{
    struct filesystem *fs = change->fs;
    const struct registry_member *roster = change->base;
    struct text name = text_of(change->name);
    struct registry_member *found = NULL;
    pthread_mutex_lock(&fs->nodes.lock);
    found = find_known(&fs->nodes, name, roster->is_team);
    pthread_mutex_unlock(&fs->nodes.lock);
    int result =
        found ? 0 : client_find_member(fs->client, call, fs->viewer, name, roster->is_team, &found);
    change->outcome = found;
    return result;
}

static const struct change_type find_type = {.operation = "add member", .run = run_find};

enum readiness roster_begin(struct request *request, struct place roster, struct node **file,
                            int *error_number)
{
    struct filesystem *fs = request->fs;
    struct text name;
    if (request->change) {
        enum readiness readiness = change_outcome(request, error_number);
        if (readiness != READY)
            return readiness;
        *file = role_begin(fs, roster, request->name, request->change->outcome);
        *error_number = ENOMEM;
        return *file ? READY : FAILED;
    }
    error_clear(&request->failure);
    *error_number = ENOENT;
    if (name_is_cut(request->name) || !name_unescape(request->name, &name))
        return FAILED;
    struct change *change = change_new(fs, &find_type, roster.node);
    *error_number = ENOMEM;
    if (!change) {
        free((char *)(uintptr_t)name.bytes);
        return FAILED;
    }
    change->name = (char *)(uintptr_t)name.bytes;
    change->base = object_ref(roster.node->object);
    return change_begin(request, change, error_number);
}

/* --- removing --- */

static int run_remove(struct change *change, struct call *call)
{
    struct filesystem *fs = change->fs;
    struct lineage lineage;
    change_lineage(change, &lineage);
    int result = client_remove_member(fs->client, call, lineage.registry, change->base);
    lineage_release(&lineage);
    pthread_mutex_lock(&fs->nodes.lock);
    role_outdate(change->node->parent);
    if (result == 0 && !change->node->gone)
        node_remove(&fs->nodes, change->node);
    pthread_mutex_unlock(&fs->nodes.lock);
    return result;
}

static const struct change_type remove_type = {.operation = "remove member", .run = run_remove};

bool roster_notes_opener(struct place place)
{
    return place.node->kind == NODE_ROOT || place.node->kind == NODE_ORGANIZATION ||
           place.node->kind == NODE_ROSTER ||
           (place.node->kind == NODE_REGISTRY &&
            (place.member == MEMBER_SELF || place.member == MEMBER_MEMBERS));
}

void roster_note_opener(struct place place, struct caller caller)
{
    struct node *registry = node_ancestor(place.node, NODE_REGISTRY);
    caller_note(registry ? registry : place.node, caller, DEED_OPENED, NULL);
}

/* Why the caller may be a recursive deleter; NULL: he removes this one and nothing else. */
static const char *suspicion(const struct request *request, const struct node *registry,
                             struct caller caller)
{
    if (fuse_req_ctx(request->fuse)->pid == 0 || !caller.group)
        return "who removes it cannot be seen from here: the process is in another PID namespace";
    for (const struct node *node = registry; node; node = node->parent) {
        if (caller_group_did(node, caller, DEED_OPENED))
            return "the same command has just read a directory at or above it, as recursive "
                   "deleters do";
    }
    if (caller_group_did(registry, caller, DEED_MEMBER))
        return "the same command has just removed another member";
    if (caller_did(registry, caller, DEED_REMOVAL, NULL) ||
        caller_did(registry->parent, caller, DEED_RMDIR, NULL))
        return "the same session has just removed, or tried to remove, something else in the "
               "registry";
    return NULL;
}

static void report(const struct request *request, struct node *file, const char *reason)
{
    char path[PATH_SIZE], words[PATH_SIZE];
    place_path((struct place){file, MEMBER_SELF}, path, sizeof path);
    snprintf(words, sizeof words, "not removed: %s; rm of this file alone works after ten seconds",
             reason);
    journal_add(request->fs->journal, request->operation, path, ERROR_NOT_PERMITTED, words);
}

static enum readiness begin_removal(struct request *request, struct node *file, int *error_number)
{
    struct change *change = change_new(request->fs, &remove_type, file);
    *error_number = ENOMEM;
    if (!change)
        return FAILED;
    change->base = object_ref(file->object);
    return change_begin(request, change, error_number);
}

enum readiness roster_unlink(struct request *request, struct place roster, struct caller caller,
                             int *error_number)
{
    struct filesystem *fs = request->fs;
    if (request->change)
        return change_outcome(request, error_number);
    error_clear(&request->failure);
    struct node *registry = roster.node->parent;
    struct node *file = node_find(&fs->nodes, roster.node, roster.member, request->name);
    *error_number = place_refuses_change(request, roster);
    if (!*error_number && (!file || room_hides((struct place){file, MEMBER_SELF})))
        *error_number = ENOENT;
    if (*error_number)
        return FAILED;
    if (file->kind == NODE_LOCAL) {
        local_remove(fs, file);
        return READY;
    }
    const struct room *room = room_find(file);
    if (room && room->running)
        return change_wait(request, room->running);
    const char *reason = suspicion(request, registry, caller);
    if (reason) {
        caller_note(registry, caller, DEED_REMOVAL, NULL);
        report(request, file, reason);
        *error_number = EPERM;
        return FAILED;
    }
    if (role_is_pending(file)) {
        node_remove(&fs->nodes, file);
        return READY;
    }
    caller_note(registry, caller, DEED_MEMBER, NULL);
    return begin_removal(request, file, error_number);
}
