/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "base/clock.h"
#include "caller_signals.h"
#include "content/remote_file.h"
#include "fetch.h"
#include "inode/filesystem.h"

#include <errno.h>
#include <pthread.h>

/* Who answers a parked request is settled by one exchange: whoever finds PARKED has it. An
 * interrupt that comes while the callback is being registered only leaves a note. */
enum { REGISTERING, INTERRUPTED, PARKED, TAKEN };

struct parked {
    struct request request;
    pid_t caller;
    atomic_bool
        watched; /* a signal has come that ends nothing; the kernel tells of no further one */
    unsigned looked_at; /* under requests->lock: round in which the caller's signals were read */
    atomic_int state;
    atomic_uint references;      /* one for whoever will answer it, one while it is being parked */
    struct fetch_waiter of_call; /* in a fetch */
    struct remote_waiter of_content;     /* in a file */
    struct parked *next, **link_to_this; /* the table, under requests->lock */
};

struct requests {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct parked *first; /* under lock */
    unsigned count;       /* under lock */
    unsigned round;       /* under lock: of looking at the watched */
    bool has_watched;     /* under lock */
    bool stopping;        /* under lock */
    int64_t naps_until;   /* under lock */
    bool has_thread;
    pthread_t thread;
};

enum { LONGEST_NAP_MS = 1000, WATCH_NAP_MS = 100 };

static bool parked_waits(const struct parked *parked)
{
    return atomic_load(&parked->state) == PARKED;
}

static bool parked_claim(struct parked *parked)
{
    return atomic_exchange(&parked->state, TAKEN) == PARKED;
}

static void drop_change(const struct request *request)
{
    if (request->change)
        request->drop_change(request->change);
}

static void parked_unref(struct parked *parked)
{
    if (atomic_fetch_sub(&parked->references, 1) != 1)
        return;
    drop_change(&parked->request);
    free((char *)(uintptr_t)parked->request.name);
    free((char *)(uintptr_t)parked->request.other_name);
    free(parked);
}

static void table_add(struct requests *requests, struct parked *parked)
{
    pthread_mutex_lock(&requests->lock);
    if (parked_waits(parked)) {
        parked->next = requests->first;
        parked->link_to_this = &requests->first;
        if (parked->next)
            parked->next->link_to_this = &parked->next;
        requests->first = parked;
        requests->count++;
        bool watched = atomic_load(&parked->watched);
        requests->has_watched |= watched;
        if (watched ||
            (parked->request.deadline && parked->request.deadline < requests->naps_until))
            pthread_cond_signal(&requests->wake);
    }
    pthread_mutex_unlock(&requests->lock);
}

static void table_remove(struct requests *requests, struct parked *parked)
{
    pthread_mutex_lock(&requests->lock);
    if (parked->link_to_this) {
        *parked->link_to_this = parked->next;
        if (parked->next)
            parked->next->link_to_this = parked->link_to_this;
        parked->link_to_this = NULL;
        requests->count--;
    }
    pthread_mutex_unlock(&requests->lock);
}

/* It waits no more, whatever it waited for. */
static void leave(struct parked *parked, const struct need *need, bool for_good)
{
    struct filesystem *fs = parked->request.fs;
    if (need->reader)
        remote_leave(fs->remote_files, &parked->of_content);
    else
        fetch_leave(fs, &parked->of_call, for_good);
}

/* Answers a claimed request. Not from inside the callback, which must not unregister itself. */
static void answer_interrupted(struct parked *parked)
{
    struct request *request = &parked->request;
    leave(parked, &parked->request.need, true);
    table_remove(request->fs->requests, parked);
    fuse_req_interrupt_func(request->fuse, NULL, NULL);
    fuse_reply_err(request->fuse, EINTR);
    parked_unref(parked);
}

static void watch(struct parked *parked)
{
    struct requests *requests = parked->request.fs->requests;
    pthread_mutex_lock(&requests->lock);
    atomic_store(&parked->watched, true);
    requests->has_watched = true;
    pthread_cond_signal(&requests->wake);
    pthread_mutex_unlock(&requests->lock);
}

/*
 * Runs inside libfuse with locks of its own held: it may reply, it must not unregister. A window
 * that changes its size, a timer or a runtime's own signal is no reason for an editor's open to
 * fail with EINTR, which no local filesystem does: the caller is watched for other signals instead.
 */
static void interrupted(fuse_req_t fuse, void *context)
{
    struct parked *parked = context;
    if (signals_are_harmless(parked->caller)) {
        watch(parked);
        return;
    }
    int registering = REGISTERING;
    if (atomic_compare_exchange_strong(&parked->state, &registering, INTERRUPTED) ||
        !parked_claim(parked))
        return;
    leave(parked, &parked->request.need, true);
    table_remove(parked->request.fs->requests, parked);
    fuse_reply_err(fuse, EINTR);
    parked_unref(parked);
}

/*
 * Registers the callback, before anybody else can see the request and with no lock held. False: it
 * ran inside the registration. It must not reply there: libfuse unlocks the request's own mutex
 * afterwards, and a reply frees it.
 */
static bool register_interrupt(struct parked *parked)
{
    int registering = REGISTERING;
    parked->caller = fuse_req_ctx(parked->request.fuse)->pid;
    atomic_store(&parked->state, REGISTERING);
    fuse_req_interrupt_func(parked->request.fuse, interrupted, parked);
    return atomic_compare_exchange_strong(&parked->state, &registering, PARKED);
}

/* Runs the body of a claimed request again; `failure` NULL: what it needed is there. */
static void go_on(struct parked *parked, const struct error *failure);

static struct parked *waits_for_call(struct fetch_waiter *waiter)
{
    return (struct parked *)(void *)((char *)waiter - offsetof(struct parked, of_call));
}

static bool claim_for_call(struct fetch_waiter *waiter)
{
    return parked_claim(waits_for_call(waiter));
}

static void resume_after_call(struct fetch_waiter *waiter, const struct error *failure)
{
    go_on(waits_for_call(waiter), failure);
}

static struct parked *waits_for_content(struct remote_waiter *waiter)
{
    return (struct parked *)(void *)((char *)waiter - offsetof(struct parked, of_content));
}

static bool claim_for_content(struct remote_waiter *waiter)
{
    return parked_claim(waits_for_content(waiter));
}

static void resume_after_content(struct remote_waiter *waiter, const struct error *failure)
{
    go_on(waits_for_content(waiter), failure);
}

enum joined {
    JOINED,
    NO_MEMORY,
    IS_THERE, /* nothing to wait for any more */
};

/* Lets it wait for what it needs; takes over what the need holds. */
static enum joined join(struct parked *parked, const struct need *need)
{
    struct request *request = &parked->request;
    enum joined joined;
    if (!need->reader)
        joined = fetch_join(request->fs, need, &parked->of_call) ? JOINED : NO_MEMORY;
    else
        joined =
            remote_wait(need->reader, (uint64_t)request->offset, request->size, &parked->of_content)
                ? JOINED
                : IS_THERE;
    /* Who ended it before it waited found nothing to leave. */
    if (!parked_waits(parked))
        leave(parked, need, true);
    if (need->reader)
        remote_reader_unref(need->reader);
    return joined;
}

/* True: what it needs has come meanwhile, the caller is to run the body again. */
static bool park(struct parked *parked)
{
    struct request *request = &parked->request;
    struct need need = request->need;
    parked->of_call = (struct fetch_waiter){.claim = claim_for_call, .resume = resume_after_call};
    parked->of_content =
        (struct remote_waiter){.claim = claim_for_content, .resume = resume_after_content};
    atomic_store(&parked->references, 2);
    bool waits = register_interrupt(parked);
    enum joined joined = join(parked, &need);
    if (!waits) {
        fuse_req_interrupt_func(request->fuse, NULL, NULL);
        fuse_reply_err(request->fuse, EINTR);
        parked_unref(parked);
        parked_unref(parked);
        return false;
    }
    if (joined != IS_THERE)
        table_add(request->fs->requests, parked);
    if (joined == IS_THERE && parked_claim(parked)) {
        fuse_req_interrupt_func(request->fuse, NULL, NULL);
        parked_unref(parked);
        return true;
    }
    if (joined == NO_MEMORY && parked_claim(parked)) {
        struct error failure = {0};
        error_set(&failure, ERROR_LOCAL, "out of memory");
        go_on(parked, &failure);
    }
    parked_unref(parked);
    return false;
}

/* Parks it, and runs the body as often as it turns out that there is nothing to wait for. */
static void park_until_done(struct parked *parked)
{
    while (park(parked)) {
        error_clear(&parked->request.failure);
        if (parked->request.body(&parked->request)) {
            parked_unref(parked);
            return;
        }
    }
}

void request_start(struct request *request)
{
    request->started = clock_nanoseconds();
    if (request->body(request)) {
        drop_change(request);
        return;
    }
    struct parked *parked = calloc(1, sizeof *parked);
    if (parked) {
        parked->request = *request;
        parked->request.name = request->name ? strdup(request->name) : NULL;
        parked->request.other_name = request->other_name ? strdup(request->other_name) : NULL;
        if ((!request->name || parked->request.name) &&
            (!request->other_name || parked->request.other_name)) {
            park_until_done(parked);
            return;
        }
        atomic_store(&parked->references, 1);
        parked_unref(parked);
    }
    fuse_reply_err(request->fuse, ENOMEM);
}

static bool is_same_question(const struct need *a, const struct need *b)
{
    return !a->reader && !b->reader && a->type == b->type && !a->type->keeps_running &&
           a->node == b->node && a->member == b->member && strcmp(a->name, b->name) == 0;
}

/* Whether a change of our own has come while the server was asked for that, so that it has to be
 * asked again. Takes nodes->lock. */
static bool was_overtaken(struct filesystem *fs, const struct need *need, int64_t asked)
{
    pthread_mutex_lock(&fs->nodes.lock);
    const struct facet *facet = node_find_facet(need->node, need->member);
    bool overtaken = facet && facet->changed >= asked;
    pthread_mutex_unlock(&fs->nodes.lock);
    return overtaken;
}

/* What was answered since the request began and is wanted again would be asked for without end: the
 * body has to do with what there is. */
static bool run_without_answer(struct request *request)
{
    fetch_drop_need(request->fs, &request->need);
    error_set(&request->failure, ERROR_SERVER,
              "the server's answer does not hold what it was "
              "asked for");
    return request->body(request);
}

static void go_on(struct parked *parked, const struct error *failure)
{
    struct request *request = &parked->request;
    leave(parked, &request->need, false);
    table_remove(request->fs->requests, parked);
    /* Waits for a callback that is just running and has lost. */
    fuse_req_interrupt_func(request->fuse, NULL, NULL);
    error_clear(&request->failure);
    if (failure)
        request->failure = *failure;
    const struct need before = request->need;
    bool done = request->body(request);
    if (!done && !failure && parked->of_call.answered >= request->started &&
        is_same_question(&before, &request->need) &&
        !was_overtaken(request->fs, &request->need, parked->of_call.answered))
        done = run_without_answer(request);
    if (!done) {
        while (atomic_load(&parked->references) > 1)
            sched_yield(); /* the thread that parked it last is about to let go */
        park_until_done(parked);
        return;
    }
    parked_unref(parked);
}

/* Takes what is due out of the table; the caller continues it without the lock. */
static struct parked *take_due(struct requests *requests, int64_t now, int64_t *next_deadline)
{
    struct parked *due = NULL;
    for (struct parked *parked = requests->first, *next; parked; parked = next) {
        next = parked->next;
        int64_t deadline = parked->request.deadline;
        if (!deadline)
            continue;
        if (deadline > now) {
            if (deadline < *next_deadline)
                *next_deadline = deadline;
            continue;
        }
        if (!parked_claim(parked))
            continue;
        *parked->link_to_this = parked->next;
        if (parked->next)
            parked->next->link_to_this = parked->link_to_this;
        parked->link_to_this = NULL;
        requests->count--;
        parked->next = due;
        due = parked;
    }
    return due;
}

/* The next watched request that was not looked at in this round, with a reference; NULL: none. */
static struct parked *next_watched(struct requests *requests)
{
    pthread_mutex_lock(&requests->lock);
    struct parked *parked = requests->first;
    while (parked && (!atomic_load(&parked->watched) || parked->looked_at == requests->round ||
                      !parked_waits(parked)))
        parked = parked->next;
    if (parked) {
        parked->looked_at = requests->round;
        atomic_fetch_add(&parked->references, 1);
    }
    pthread_mutex_unlock(&requests->lock);
    return parked;
}

/* Ends the requests whose callers have got a signal that is meant to end them. */
static void look_at_watched(struct requests *requests)
{
    pthread_mutex_lock(&requests->lock);
    requests->round++;
    requests->has_watched = false;
    pthread_mutex_unlock(&requests->lock);
    bool found = false;
    for (struct parked *parked; (parked = next_watched(requests)) != NULL;) {
        bool harmless = signals_are_harmless(parked->caller);
        found |= harmless;
        if (!harmless && parked_claim(parked))
            answer_interrupted(parked);
        parked_unref(parked);
    }
    pthread_mutex_lock(&requests->lock);
    requests->has_watched |= found;
    pthread_mutex_unlock(&requests->lock);
}

static void nap_until(struct requests *requests, int64_t deadline)
{
    struct timespec until = clock_timespec(deadline);
    requests->naps_until = deadline;
    pthread_cond_timedwait(&requests->wake, &requests->lock, &until);
}

/* Sleeps until the deadline, or less while somebody's signals are to be looked at. Under the lock,
 * which it gives up meanwhile. */
static void nap_and_look(struct requests *requests, int64_t now, int64_t deadline)
{
    int64_t look = now + WATCH_NAP_MS * CLOCK_MILLISECOND;
    nap_until(requests, requests->has_watched && look < deadline ? look : deadline);
    if (!requests->has_watched)
        return;
    pthread_mutex_unlock(&requests->lock);
    look_at_watched(requests);
    pthread_mutex_lock(&requests->lock);
}

static void *deadline_thread(void *context)
{
    struct requests *requests = context;
    struct error timeout = {0};
    error_set(&timeout, ERROR_TIMEOUT, "the server has not answered in time");
    pthread_mutex_lock(&requests->lock);
    while (!requests->stopping) {
        int64_t now = clock_nanoseconds();
        int64_t next_deadline = now + LONGEST_NAP_MS * CLOCK_MILLISECOND;
        struct parked *due = take_due(requests, now, &next_deadline);
        if (!due) {
            nap_and_look(requests, now, next_deadline);
            continue;
        }
        pthread_mutex_unlock(&requests->lock);
        for (struct parked *next; due; due = next) {
            next = due->next;
            due->request.deadline = 0;
            go_on(due, &timeout);
        }
        pthread_mutex_lock(&requests->lock);
    }
    pthread_mutex_unlock(&requests->lock);
    return NULL;
}

struct requests *requests_new(void)
{
    struct requests *requests = calloc(1, sizeof *requests);
    if (!requests)
        return NULL;
    pthread_mutex_init(&requests->lock, NULL);
    clock_condition(&requests->wake);
    requests->has_thread = pthread_create(&requests->thread, NULL, deadline_thread, requests) == 0;
    if (requests->has_thread)
        return requests;
    requests_free(requests);
    return NULL;
}

void requests_free(struct requests *requests)
{
    if (!requests)
        return;
    pthread_mutex_lock(&requests->lock);
    requests->stopping = true;
    pthread_cond_signal(&requests->wake);
    pthread_mutex_unlock(&requests->lock);
    if (requests->has_thread)
        pthread_join(requests->thread, NULL);
    pthread_cond_destroy(&requests->wake);
    pthread_mutex_destroy(&requests->lock);
    free(requests);
}

void requests_interrupt_all(struct requests *requests)
{
    for (;;) {
        pthread_mutex_lock(&requests->lock);
        struct parked *parked = requests->first;
        while (parked && !parked_claim(parked))
            parked = parked->next;
        pthread_mutex_unlock(&requests->lock);
        if (!parked)
            return;
        answer_interrupted(parked);
    }
}

unsigned requests_parked(struct requests *requests)
{
    pthread_mutex_lock(&requests->lock);
    unsigned count = requests->count;
    pthread_mutex_unlock(&requests->lock);
    return count;
}
