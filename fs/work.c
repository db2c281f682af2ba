/* SPDX-License-Identifier: MIT */
#include "work.h"

#include "base/banned.h"

#include <pthread.h>
#include <signal.h>

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, **last; /* under lock */
    unsigned idle;             /* under lock: threads that wait for a job */
    unsigned queued;           /* under lock */
    unsigned count;            /* under lock: threads started */
    unsigned width;
    bool stopping; /* under lock */
    char name[16];
    pthread_t threads[];
};

struct lane *lane_new(const char *name, unsigned width)
{
    struct lane *lane = calloc(1, sizeof *lane + width * sizeof lane->threads[0]);
    if (!lane)
        return NULL;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->wake, NULL);
    lane->last = &lane->first;
    lane->width = width;
    snprintf(lane->name, sizeof lane->name, "%s", name);
    return lane;
}

static void *lane_thread(void *context)
{
    struct lane *lane = context;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (!lane->first && !lane->stopping) {
            lane->idle++;
            pthread_cond_wait(&lane->wake, &lane->lock);
            lane->idle--;
        }
        struct job *job = lane->first;
        if (!job)
            break;
        lane->first = job->next;
        if (!lane->first)
            lane->last = &lane->first;
        lane->queued--;
        pthread_mutex_unlock(&lane->lock);
        job->run(job);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

/* Signals are for the main thread: a worker that took one would keep the loop from seeing it. */
static bool start_thread(struct lane *lane)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&lane->threads[lane->count], NULL, lane_thread, lane) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (started) {
        pthread_setname_np(lane->threads[lane->count], lane->name);
        lane->count++;
    }
    return started;
}

bool lane_submit(struct lane *lane, struct job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&lane->lock);
    if (lane->idle <= lane->queued && lane->count < lane->width && !start_thread(lane) &&
        lane->count == 0) {
        pthread_mutex_unlock(&lane->lock);
        return false;
    }
    *lane->last = job;
    lane->last = &job->next;
    lane->queued++;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
    return true;
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    pthread_cond_broadcast(&lane->wake);
    unsigned count = lane->count;
    pthread_mutex_unlock(&lane->lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(lane->threads[i], NULL);
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}
