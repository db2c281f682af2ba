/* SPDX-License-Identifier: MIT */
#include "session_loop.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    THREADS = 4,
    WAKE_AGAIN_MS = 50,
    SUCCESSION_NS = 200000, /* from an answer to the next request of a busy caller, woken for it */
    BUSY = 8,               /* requests in such succession after which the next is watched for */
    WATCH_NS = 100000,      /* so long */
};

struct session_loop {
    struct fuse_session *session;
    pthread_mutex_t lock;
    pthread_cond_t change; /* of what is below */
    pthread_t reader;      /* while is_read */
    unsigned succession;   /* the reader's: requests that came shortly after an answer, in a row */
    unsigned idle;         /* threads that could read instead */
    bool is_read;
    bool ended;
    int result;
};

/* The loop whose requests this thread is to read. */
static _Thread_local struct session_loop *read_by_this_thread;

static void leave(struct session_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->is_read = false;
    pthread_cond_signal(&loop->change);
    pthread_mutex_unlock(&loop->lock);
}

void session_loop_step_aside(void)
{
    struct session_loop *loop = read_by_this_thread;
    read_by_this_thread = NULL;
    if (!loop)
        return;
    loop->succession = 0; /* what follows now takes processors of its own */
    leave(loop);
}

bool session_loop_may_wait(void)
{
    struct session_loop *loop = read_by_this_thread;
    if (!loop)
        return true;
    pthread_mutex_lock(&loop->lock);
    bool another = loop->idle > 0;
    pthread_mutex_unlock(&loop->lock);
    if (another)
        session_loop_step_aside();
    return another;
}

static void note_end(struct session_loop *loop, int result)
{
    pthread_mutex_lock(&loop->lock);
    loop->ended = true;
    loop->result = fuse_session_exited(loop->session) ? 0 : result;
    pthread_cond_broadcast(&loop->change);
    pthread_mutex_unlock(&loop->lock);
}

/*
 * Watches for the next request of a caller that asks for one thing after another (find, tar): to
 * sleep and to be woken takes longer than to answer. Gives way to whoever wants the processor.
 */
static void watch(struct session_loop *loop, int64_t answered)
{
    struct pollfd device = {.fd = fuse_session_fd(loop->session), .events = POLLIN};
    if (loop->succession < BUSY)
        return;
    while (poll(&device, 1, 0) == 0) {
        if (clock_nanoseconds() - answered > WATCH_NS) {
            loop->succession = 0;
            return;
        }
        sched_yield();
    }
}

/* Reads and answers until another thread reads or there is nothing left to be read. */
static void read_requests(struct session_loop *loop, struct fuse_buf *buf)
{
    int64_t answered = clock_nanoseconds();
    read_by_this_thread = loop;
    while (read_by_this_thread) {
        watch(loop, answered);
        int size = fuse_session_receive_buf(loop->session, buf);
        if (size > 0) {
            bool shortly = clock_nanoseconds() - answered < SUCCESSION_NS;
            loop->succession = shortly ? loop->succession + 1 : 0;
            fuse_session_process_buf(loop->session, buf);
            answered = clock_nanoseconds();
        } else if (size != -EINTR || fuse_session_exited(loop->session)) {
            note_end(loop, size);
            session_loop_step_aside();
        }
    }
}

static void *serve(void *context)
{
    struct session_loop *loop = context;
    struct fuse_buf buf = {0};
    pthread_mutex_lock(&loop->lock);
    while (!loop->ended) {
        if (loop->is_read) {
            loop->idle++;
            pthread_cond_wait(&loop->change, &loop->lock);
            loop->idle--;
            continue;
        }
        loop->is_read = true;
        loop->reader = pthread_self();
        pthread_mutex_unlock(&loop->lock);
        read_requests(loop, &buf);
        pthread_mutex_lock(&loop->lock);
    }
    pthread_mutex_unlock(&loop->lock);
    free(buf.mem);
    return NULL;
}

struct session_loop *session_loop_new(struct fuse_session *session)
{
    struct session_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->session = session;
    pthread_mutex_init(&loop->lock, NULL);
    clock_condition(&loop->change);
    return loop;
}

int session_loop_run(struct session_loop *loop)
{
    pthread_t others[THREADS - 1];
    size_t count = 0;
    while (count < THREADS - 1 && pthread_create(&others[count], NULL, serve, loop) == 0)
        count++;
    serve(loop);
    while (count > 0)
        pthread_join(others[--count], NULL);
    return loop->result;
}

/* The reader waits in a call that only a signal ends; it may come just before that call. */
void session_loop_end(struct session_loop *loop)
{
    fuse_session_exit(loop->session);
    pthread_mutex_lock(&loop->lock);
    loop->ended = true;
    while (loop->is_read) {
        struct timespec until =
            clock_timespec(clock_nanoseconds() + WAKE_AGAIN_MS * CLOCK_MILLISECOND);
        pthread_kill(loop->reader, SIGUSR1);
        pthread_cond_timedwait(&loop->change, &loop->lock, &until);
    }
    pthread_cond_broadcast(&loop->change);
    pthread_mutex_unlock(&loop->lock);
}

void session_loop_free(struct session_loop *loop)
{
    if (!loop)
        return;
    pthread_cond_destroy(&loop->change);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
