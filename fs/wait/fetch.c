/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include "base/clock.h"
#include "inode/filesystem.h"

#include <pthread.h>

enum { SILENCE_MS = 1000 };

/* The calls of one kind. */
struct kind {
    struct lane *lane;
    int64_t last_answer; /* under the fetches' lock: when a call last ended with an answer */
    /* Start of the oldest running call that began after the last answer; 0: none. Written under
     * the fetches' lock. */
    _Atomic int64_t unanswered_since;
};

struct fetches {
    void (*after_each)(struct filesystem *fs);
    pthread_mutex_t lock;
    struct fetch *first; /* under lock: all that are queued or running */
    struct kind kinds[CALL_KINDS];
};

static const char *const lane_names[CALL_KINDS] = {
    [CALL_OTHER] = "other",     [CALL_LOOKUP] = "lookup", [CALL_LISTING] = "listing",
    [CALL_OPENING] = "opening", [CALL_CHANGE] = "change",
};

struct fetches *fetches_new(unsigned width, void (*after_each)(struct filesystem *fs))
{
    struct fetches *fetches = calloc(1, sizeof *fetches);
    bool good = fetches != NULL;
    if (!good)
        return NULL;
    fetches->after_each = after_each;
    pthread_mutex_init(&fetches->lock, NULL);
    for (int i = 0; i < CALL_KINDS; i++) {
        fetches->kinds[i].lane = lane_new(lane_names[i], width);
        good &= fetches->kinds[i].lane != NULL;
    }
    if (good)
        return fetches;
    fetches_free(fetches);
    return NULL;
}

void fetches_stop(struct fetches *fetches)
{
    for (int i = 0; i < CALL_KINDS; i++)
        lane_free(steal(fetches->kinds[i].lane));
}

void fetches_free(struct fetches *fetches)
{
    if (!fetches)
        return;
    fetches_stop(fetches);
    pthread_mutex_destroy(&fetches->lock);
    free(fetches);
}

static struct fetch *find(struct fetches *fetches, const struct need *need)
{
    for (struct fetch *fetch = fetches->first; fetch; fetch = fetch->next) {
        if (fetch->type == need->type && fetch->node == need->node &&
            fetch->member == need->member && fetch->subject == need->subject &&
            strcmp(fetch->name, need->name) == 0 && !atomic_load(&fetch->cancelled))
            return fetch;
    }
    return NULL;
}

void fetch_drop_need(struct filesystem *fs, const struct need *need)
{
    pthread_mutex_lock(&fs->nodes.lock);
    node_drop(&fs->nodes, need->node);
    nodes_trim(&fs->nodes);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (need->subject)
        need->type->release(need->subject);
}

static void fetch_free(struct fetch *fetch)
{
    const struct need held = {.type = fetch->type, .node = fetch->node, .subject = fetch->subject};
    fetch_drop_need(fetch->fs, &held);
    free(fetch->name);
    free(fetch);
}

static void link_waiter(struct fetch *fetch, struct fetch_waiter *waiter)
{
    waiter->fetch = fetch;
    waiter->next = fetch->waiters;
    waiter->link_to_this = &fetch->waiters;
    if (waiter->next)
        waiter->next->link_to_this = &waiter->next;
    fetch->waiters = waiter;
}

static void unlink_waiter(struct fetch_waiter *waiter)
{
    *waiter->link_to_this = waiter->next;
    if (waiter->next)
        waiter->next->link_to_this = waiter->link_to_this;
    waiter->fetch = NULL;
}

/* Under the lock. */
static void note_unanswered(struct fetches *fetches, enum call_kind which)
{
    struct kind *kind = &fetches->kinds[which];
    int64_t since = 0;
    for (struct fetch *fetch = fetches->first; fetch; fetch = fetch->next) {
        if (fetch->kind == which && fetch->started > kind->last_answer &&
            (!since || fetch->started < since))
            since = fetch->started;
    }
    atomic_store(&kind->unanswered_since, since);
}

/* Claims the waiters, as a list; `answered` as in struct fetch_waiter. Under the lock. */
static struct fetch_waiter *claim_waiters(struct fetch *fetch, int64_t answered)
{
    struct fetch_waiter *claimed = NULL;
    while (fetch->waiters) {
        struct fetch_waiter *waiter = fetch->waiters;
        unlink_waiter(waiter);
        if (waiter->claim(waiter)) {
            waiter->answered = answered;
            waiter->next = claimed;
            claimed = waiter;
        }
    }
    return claimed;
}

static void resume_all(struct fetch_waiter *claimed, const struct error *failure)
{
    for (struct fetch_waiter *next; claimed; claimed = next) {
        next = claimed->next;
        claimed->resume(claimed, failure);
    }
}

bool fetch_serve(struct fetch *fetch)
{
    struct fetches *fetches = fetch->fs->fetches;
    pthread_mutex_lock(&fetches->lock);
    struct kind *kind = &fetches->kinds[fetch->kind];
    kind->last_answer = clock_nanoseconds();
    fetch->started = kind->last_answer + 1; /* the next piece is not here yet */
    note_unanswered(fetches, fetch->kind);
    struct fetch_waiter *claimed = claim_waiters(fetch, 0);
    pthread_mutex_unlock(&fetches->lock);
    resume_all(claimed, NULL);
    pthread_mutex_lock(&fetches->lock);
    bool waited_for = fetch->waiters != NULL;
    pthread_mutex_unlock(&fetches->lock);
    return waited_for;
}

/* Takes the call out of the table and claims its waiters. */
static struct fetch_waiter *end_fetch(struct fetches *fetches, struct fetch *fetch, bool answered,
                                      bool good)
{
    pthread_mutex_lock(&fetches->lock);
    struct fetch **at = &fetches->first;
    while (*at != fetch)
        at = &(*at)->next;
    *at = fetch->next;
    if (answered)
        fetches->kinds[fetch->kind].last_answer = clock_nanoseconds();
    note_unanswered(fetches, fetch->kind);
    struct fetch_waiter *claimed = claim_waiters(fetch, good ? fetch->created : 0);
    pthread_mutex_unlock(&fetches->lock);
    return claimed;
}

static void run_fetch(struct job *job)
{
    struct fetch *fetch = (struct fetch *)(void *)job;
    struct fetches *fetches = fetch->fs->fetches;
    pthread_mutex_lock(&fetches->lock);
    fetch->started = clock_nanoseconds();
    note_unanswered(fetches, fetch->kind);
    pthread_mutex_unlock(&fetches->lock);
    struct call call = {
        .kind = fetch->kind, .cancelled = &fetch->cancelled, .error = &fetch->error};
    int result = -1;
    /* One that keeps running is told all the same: a save that is given up keeps its text. */
    if (atomic_load(&fetch->cancelled) && !fetch->type->keeps_running)
        error_set(&fetch->error, ERROR_INTERRUPTED, "nobody waits for it any more");
    else
        result = fetch->type->run(fetch, &call);
    fetches->after_each(fetch->fs);
    enum error_kind kind = fetch->error.kind;
    bool answered = result == 0 || (kind != ERROR_TIMEOUT && kind != ERROR_UNREACHABLE &&
                                    kind != ERROR_INTERRUPTED);
    resume_all(end_fetch(fetches, fetch, answered, result == 0),
               result == 0 ? NULL : &fetch->error);
    fetch_free(fetch);
}

/* Under the lock; the new call owns the need's hold. NULL: no memory. */
static struct fetch *new_fetch(struct filesystem *fs, const struct need *need)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    char *name = strdup(need->name);
    if (!fetch || !name) {
        free(fetch);
        free(name);
        return NULL;
    }
    fetch->job.run = run_fetch;
    fetch->fs = fs;
    fetch->type = need->type;
    fetch->kind = need->opening ? CALL_OPENING : need->type->kind;
    fetch->node = need->node;
    fetch->member = need->member;
    fetch->subject = need->subject;
    fetch->name = name;
    fetch->created = clock_nanoseconds();
    fetch->next = fs->fetches->first;
    fs->fetches->first = fetch;
    return fetch;
}

bool fetch_join(struct filesystem *fs, const struct need *need, struct fetch_waiter *waiter)
{
    struct fetches *fetches = fs->fetches;
    struct fetch *created = NULL;
    pthread_mutex_lock(&fetches->lock);
    struct fetch *fetch = find(fetches, need);
    if (!fetch)
        fetch = created = new_fetch(fs, need);
    if (fetch)
        link_waiter(fetch, waiter);
    pthread_mutex_unlock(&fetches->lock);
    if (created)
        lane_submit(fetches->kinds[created->kind].lane, &created->job);
    else
        fetch_drop_need(fs, need);
    return fetch != NULL;
}

void fetch_start(struct filesystem *fs, const struct need *need)
{
    pthread_mutex_lock(&fs->fetches->lock);
    struct fetch *created = find(fs->fetches, need) ? NULL : new_fetch(fs, need);
    pthread_mutex_unlock(&fs->fetches->lock);
    if (created)
        lane_submit(fs->fetches->kinds[created->kind].lane, &created->job);
    else
        fetch_drop_need(fs, need);
}

void fetch_leave(struct filesystem *fs, struct fetch_waiter *waiter, bool for_good)
{
    pthread_mutex_lock(&fs->fetches->lock);
    struct fetch *fetch = waiter->fetch;
    if (fetch) {
        unlink_waiter(waiter);
        if (for_good && !fetch->waiters && !fetch->type->keeps_running)
            atomic_store(&fetch->cancelled, true);
    }
    pthread_mutex_unlock(&fs->fetches->lock);
}

void fetches_cancel_all(struct fetches *fetches)
{
    pthread_mutex_lock(&fetches->lock);
    for (struct fetch *fetch = fetches->first; fetch; fetch = fetch->next)
        atomic_store(&fetch->cancelled, true);
    pthread_mutex_unlock(&fetches->lock);
}

bool fetches_server_is_silent(const struct fetches *fetches, enum call_kind kind)
{
    int64_t since = atomic_load(&fetches->kinds[kind].unanswered_since);
    return since && since < clock_nanoseconds() - SILENCE_MS * CLOCK_MILLISECOND;
}
