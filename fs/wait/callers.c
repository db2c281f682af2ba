/* SPDX-License-Identifier: MIT */
#include "callers.h"

#include "base/clock.h"
#include "process_file.h"
#include "report/hash.h"
#include "request.h"

#include <sys/syscall.h>

enum {
    MOST_DEEDS = 32, /* remembered of one directory: more than a registry has attributes, twice */
    STATUS_SIZE = 1024,
};

static const int64_t REMEMBERED = 10 * CLOCK_SECOND;

struct deed {
    int64_t at; /* clock_nanoseconds(); 0: none */
    struct caller caller;
    enum caller_deed what;
    uint64_t name; /* a hash; 0: it does not matter */
};

struct deed_list {
    struct deed list[MOST_DEEDS];
    /* Up to then some are not in the list any more: anybody may have done them. */
    int64_t crowded_until;
};

/* Whoever looks must not crowd out who changes. */
struct deeds {
    struct deed_list changes, looks;
};

static struct deed_list *list_for(struct deeds *deeds, enum caller_deed deed)
{
    return deed == DEED_OPENED ? &deeds->looks : &deeds->changes;
}

struct caller caller_of(pid_t thread)
{
    char status[STATUS_SIZE];
    if (!process_file_read(thread, "stat", status, sizeof status))
        return (struct caller){0};
    /* "pid (name) state parent group session …"; the name may hold anything. */
    const char *behind = strrchr(status, ')');
    char *end = NULL;
    if (!behind || strlen(behind) < 4 || behind[2] == 'Z')
        return (struct caller){0};
    strtol(behind + 4, &end, 10);
    pid_t group = (pid_t)strtol(end, &end, 10);
    return (struct caller){.session = (pid_t)strtol(end, NULL, 10), .group = group};
}

pid_t caller_process(pid_t thread)
{
    char status[STATUS_SIZE];
    if (!process_file_read(thread, "status", status, sizeof status))
        return 0;
    const char *line = strstr(status, "\nTgid:"); /* the name above it has no newline */
    return line ? (pid_t)strtol(line + strlen("\nTgid:"), NULL, 10) : 0;
}

enum caller_call caller_call(pid_t thread)
{
    static const struct {
        long number;
        enum caller_call call;
    } calls[] = {
        {SYS_mkdirat, CALL_MAKES_DIRECTORY}, {SYS_renameat2, CALL_RENAMES},
#ifdef SYS_renameat
        {SYS_renameat, CALL_RENAMES},
#endif
#ifdef SYS_rename
        {SYS_mkdir, CALL_MAKES_DIRECTORY},   {SYS_rename, CALL_RENAMES},
#endif
    };
    char line[STATUS_SIZE], *end;
    if (!process_file_read(thread, "syscall", line, sizeof line))
        return CALL_UNKNOWN;
    long number = strtol(line, &end, 10); /* or "running", which a caller that waits is not */
    if (end == line || number < 0)
        return CALL_UNKNOWN;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (number == calls[i].number)
            return calls[i].call;
    }
    return CALL_USES_NAMES;
}

struct caller caller_of_request(const struct request *request)
{
    return caller_of(fuse_req_ctx(request->fuse)->pid);
}

static bool is_same(struct caller a, struct caller b)
{
    if (!a.session && !a.group)
        return !b.session && !b.group;
    return (a.session && a.session == b.session) || (a.group && a.group == b.group);
}

static uint64_t hash_name(const char *name)
{
    return name ? hash_bytes(0, name, strlen(name)) | 1 : 0;
}

static struct deeds *deeds_of(const struct node *directory)
{
    const struct facet *facet = node_find_facet(directory, MEMBER_SELF);
    return facet ? facet->deeds : NULL;
}

/* The slot of the same deed, or of the oldest. */
static struct deed *slot_for(struct deed_list *deeds, const struct deed *deed)
{
    struct deed *oldest = deeds->list;
    for (struct deed *slot = deeds->list; slot < deeds->list + MOST_DEEDS; slot++) {
        if (slot->what == deed->what && slot->name == deed->name &&
            slot->caller.session == deed->caller.session &&
            slot->caller.group == deed->caller.group)
            return slot;
        if (slot->at < oldest->at)
            oldest = slot;
    }
    if (oldest->at && deed->at - oldest->at < REMEMBERED)
        deeds->crowded_until = oldest->at + REMEMBERED;
    return oldest;
}

void caller_note(struct node *directory, struct caller caller, enum caller_deed deed,
                 const char *name)
{
    struct facet *facet = node_facet(directory, MEMBER_SELF);
    if (!facet || (!facet->deeds && !(facet->deeds = calloc(1, sizeof(struct deeds)))))
        return;
    const struct deed now = {
        .at = clock_nanoseconds(), .caller = caller, .what = deed, .name = hash_name(name)};
    *slot_for(list_for(facet->deeds, deed), &now) = now;
}

bool caller_did(const struct node *directory, struct caller caller, enum caller_deed deed,
                const char *name)
{
    struct deeds *all = deeds_of(directory);
    int64_t now = clock_nanoseconds();
    uint64_t hash = hash_name(name);
    if (!all)
        return false;
    const struct deed_list *deeds = list_for(all, deed);
    for (const struct deed *slot = deeds->list; slot < deeds->list + MOST_DEEDS; slot++) {
        if (slot->at && now - slot->at < REMEMBERED && slot->what == deed &&
            (!hash || slot->name == hash) && is_same(slot->caller, caller))
            return true;
    }
    return deed == DEED_REMOVAL && now < deeds->crowded_until;
}

bool caller_group_did(const struct node *directory, struct caller caller, enum caller_deed deed)
{
    struct deeds *all = deeds_of(directory);
    int64_t now = clock_nanoseconds();
    if (!all)
        return false;
    const struct deed_list *deeds = list_for(all, deed);
    for (const struct deed *slot = deeds->list; slot < deeds->list + MOST_DEEDS; slot++) {
        if (slot->at && now - slot->at < REMEMBERED && slot->what == deed &&
            slot->caller.group == caller.group)
            return true;
    }
    return now < deeds->crowded_until;
}

void caller_forget_removal(const struct node *registry, const char *name)
{
    struct deeds *deeds = deeds_of(registry);
    uint64_t hash = hash_name(name);
    for (int i = 0; deeds && i < MOST_DEEDS; i++) {
        struct deed *deed = &deeds->changes.list[i];
        if (deed->what == DEED_REMOVAL && deed->name == hash)
            deed->at = 0;
    }
}

unsigned caller_openers(const struct nodes *nodes, const struct node *organization,
                        const char *name, pid_t openers[MOST_OPENERS])
{
    unsigned count = 0;
    for (const struct node *other = organization->parent ? organization->parent->first_child : NULL;
         other && count < MOST_OPENERS; other = other->next_sibling) {
        bool counts = other != organization && other->kind == NODE_ORGANIZATION;
        const struct node *registry = counts ? node_find(nodes, other, MEMBER_SELF, name) : NULL;
        const struct facet *facet = registry ? node_find_facet(registry, MEMBER_SELF) : NULL;
        if (facet && facet->opened && clock_nanoseconds() - facet->opened < REMEMBERED)
            openers[count++] = facet->opened_by;
    }
    return count;
}
