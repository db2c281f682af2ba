/* SPDX-License-Identifier: MIT */
#include "lane.h"

#include "base/banned.h"
#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

enum {
    IDLE_SECONDS = 10,
    STACK_SIZE = 2 << 20, /* a parser may nest deeply */
};

struct worker {
    struct lane *lane;
    pthread_t thread;
    pthread_cond_t wake;
    struct worker *next; /* in the stack of idle ones; under the lane's lock */
    bool called;         /* under the lane's lock: taken off that stack */
};

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t empty;      /* no thread is left */
    struct job *first, **last; /* under lock */
    struct worker *idle;       /* under lock: the latest first, so that the others come to end */
    unsigned count;            /* under lock: threads that run */
    unsigned width;
    bool stopping;   /* under lock */
    bool has_ended;  /* under lock */
    pthread_t ended; /* under lock: the thread that ended last; it has joined those before it */
    char name[16];
};

static struct job *take_job(struct lane *lane)
{
    struct job *job = lane->first;
    if (!job)
        return NULL;
    lane->first = job->next;
    if (!lane->first)
        lane->last = &lane->first;
    return job;
}

static void leave_idle(struct worker *worker)
{
    struct worker **at = &worker->lane->idle;
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
}

static void call_idle(struct lane *lane)
{
    struct worker *worker = lane->idle;
    lane->idle = worker->next;
    worker->called = true;
    pthread_cond_signal(&worker->wake);
}

/* Under the lock. False: nobody needed it for so long that it ends. The last one stays: a thread
 * need not be had when it is needed. */
static bool wait_for_job(struct worker *worker)
{
    struct lane *lane = worker->lane;
    struct timespec until = clock_timespec(clock_nanoseconds() + IDLE_SECONDS * CLOCK_SECOND);
    bool late = false;
    worker->called = false;
    worker->next = lane->idle;
    lane->idle = worker;
    while (!worker->called && !late)
        late = pthread_cond_timedwait(&worker->wake, &lane->lock, &until) != 0;
    if (worker->called)
        return true;
    leave_idle(worker);
    return lane->count == 1;
}

/* Under the lock. Each thread joins the one that ended before it, the lane's end the last. */
static void end_thread(struct worker *worker)
{
    struct lane *lane = worker->lane;
    pthread_t before = lane->ended;
    bool had_before = lane->has_ended;
    lane->ended = worker->thread;
    lane->has_ended = true;
    if (--lane->count == 0)
        pthread_cond_signal(&lane->empty);
    pthread_mutex_unlock(&lane->lock);
    pthread_cond_destroy(&worker->wake);
    free(worker);
    if (had_before)
        pthread_join(before, NULL);
}

static void *run_thread(void *context)
{
    struct worker *worker = context;
    struct lane *lane = worker->lane;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        struct job *job = take_job(lane);
        if (job) {
            pthread_mutex_unlock(&lane->lock);
            job->run(job);
            pthread_mutex_lock(&lane->lock);
        } else if (lane->stopping || !wait_for_job(worker)) {
            break;
        }
    }
    end_thread(worker);
    return NULL;
}

/* Signals are for the main thread: a worker that took one would keep the loop from seeing it.
 * Under the lock, which the new thread waits for. */
static bool start_thread(struct lane *lane)
{
    sigset_t all, old;
    pthread_attr_t attributes;
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker || clock_condition(&worker->wake) != 0) {
        free(worker);
        return false;
    }
    worker->lane = lane;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&worker->thread, &attributes, run_thread, worker) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (!started) {
        pthread_cond_destroy(&worker->wake);
        free(worker);
        return false;
    }
    pthread_setname_np(worker->thread, lane->name);
    lane->count++;
    return true;
}

struct lane *lane_new(const char *name, unsigned width)
{
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return NULL;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->empty, NULL);
    lane->last = &lane->first;
    lane->width = width;
    snprintf(lane->name, sizeof lane->name, "%s", name);
    pthread_mutex_lock(&lane->lock);
    bool started = start_thread(lane);
    pthread_mutex_unlock(&lane->lock);
    if (started)
        return lane;
    lane_free(lane);
    return NULL;
}

void lane_submit(struct lane *lane, struct job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&lane->lock);
    *lane->last = job;
    lane->last = &job->next;
    if (lane->idle)
        call_idle(lane);
    else if (lane->count < lane->width)
        start_thread(lane);
    pthread_mutex_unlock(&lane->lock);
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    while (lane->idle)
        call_idle(lane);
    while (lane->count > 0)
        pthread_cond_wait(&lane->empty, &lane->lock);
    bool has_ended = lane->has_ended;
    pthread_t ended = lane->ended;
    pthread_mutex_unlock(&lane->lock);
    if (has_ended)
        pthread_join(ended, NULL);
    pthread_cond_destroy(&lane->empty);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}
