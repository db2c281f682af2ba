/* SPDX-License-Identifier: MIT */
#include "blocking_read.h"

#include "base/clock.h"

enum { LOOK_MS = 200 }; /* how often who waits looks whether it is cancelled */

enum { WAITING, CLAIMED, ENDED };

struct sleeper {
    struct remote_waiter waiter; /* first: it is what is known to others */
    atomic_int state;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool resumed;       /* under lock */
    struct error error; /* under lock */
};

static bool claim(struct remote_waiter *waiter)
{
    struct sleeper *sleeper = (struct sleeper *)(void *)waiter;
    int expected = WAITING;
    return atomic_compare_exchange_strong(&sleeper->state, &expected, CLAIMED);
}

static void resume(struct remote_waiter *waiter, const struct error *error)
{
    struct sleeper *sleeper = (struct sleeper *)(void *)waiter;
    pthread_mutex_lock(&sleeper->lock);
    if (error)
        sleeper->error = *error;
    sleeper->resumed = true;
    pthread_cond_signal(&sleeper->changed);
    pthread_mutex_unlock(&sleeper->lock);
}

/* Until it is resumed, or the time has come. */
static void sleep_until(struct sleeper *sleeper, int64_t until)
{
    struct timespec time = clock_timespec(until);
    pthread_mutex_lock(&sleeper->lock);
    int failed = 0;
    while (!sleeper->resumed && failed == 0)
        failed = pthread_cond_timedwait(&sleeper->changed, &sleeper->lock, &time);
    pthread_mutex_unlock(&sleeper->lock);
}

static bool is_resumed(struct sleeper *sleeper)
{
    pthread_mutex_lock(&sleeper->lock);
    bool resumed = sleeper->resumed;
    pthread_mutex_unlock(&sleeper->lock);
    return resumed;
}

/* Once it is claimed it is resumed at once, and must not go away before. */
static void sleep_for(struct remote_files *files, struct sleeper *sleeper, int64_t milliseconds,
                      const atomic_bool *cancelled)
{
    int64_t end = clock_nanoseconds() + milliseconds * CLOCK_MILLISECOND;
    while (!is_resumed(sleeper)) {
        int64_t now = clock_nanoseconds();
        int64_t look = now + LOOK_MS * CLOCK_MILLISECOND;
        int expected = WAITING;
        bool over = atomic_load(cancelled) || (milliseconds > 0 && now >= end);
        if (over && atomic_compare_exchange_strong(&sleeper->state, &expected, ENDED)) {
            remote_leave(files, &sleeper->waiter);
            return;
        }
        sleep_until(sleeper, milliseconds > 0 && end < look && end > now ? end : look);
    }
}

static void sleep_once(struct remote_files *files, struct remote_reader *reader, uint64_t offset,
                       size_t size, int64_t retry_ms, const atomic_bool *cancelled,
                       struct error *error)
{
    struct sleeper sleeper = {.waiter = {.claim = claim, .resume = resume}};
    pthread_mutex_init(&sleeper.lock, NULL);
    clock_condition(&sleeper.changed);
    if (remote_wait(reader, offset, size, &sleeper.waiter))
        sleep_for(files, &sleeper, retry_ms, cancelled);
    *error = sleeper.error;
    pthread_cond_destroy(&sleeper.changed);
    pthread_mutex_destroy(&sleeper.lock);
}

int blocking_read(struct remote_files *files, struct remote_reader *reader, uint64_t offset,
                  size_t size, const atomic_bool *cancelled, struct remote_view *view,
                  struct error *error)
{
    for (;;) {
        if (atomic_load(cancelled))
            return error_set(error, ERROR_INTERRUPTED, "interrupted");
        switch (remote_read(reader, offset, size, view, error)) {
        case REMOTE_READY:
            return 0;
        case REMOTE_FAILED:
            return -1;
        case REMOTE_WAIT:
            sleep_once(files, reader, offset, size, view->retry_ms, cancelled, error);
            if (error->kind != ERROR_NONE)
                return -1;
        }
    }
}
