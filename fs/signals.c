/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "place.h"

#include <signal.h>

struct signals {
    struct filesystem *fs;
    pthread_t thread;
    pthread_t loop;
    atomic_bool stopping;
};

enum { WAKE_AGAIN_NANOSECONDS = 50000000 };

static void awaited(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR2);
}

static void do_nothing(int number)
{
    (void)number;
}

void signals_block(void)
{
    sigset_t set;
    awaited(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct sigaction wake = {.sa_handler = do_nothing};
    sigaction(SIGUSR1, &wake, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

static void reload(struct filesystem *fs)
{
    struct error error = {0};
    log_reopen(fs->log);
    if (client_reload_credentials(fs->client, &error) < 0)
        log_write(fs->log, CLIENT_LOG_WARNING, "credentials stay as they were: %s", error.message);
    pthread_mutex_lock(&fs->nodes.lock);
    struct place root = {fs->nodes.root, MEMBER_SELF};
    place_forget(fs, root);
    place_forget_names(fs, root);
    pthread_mutex_unlock(&fs->nodes.lock);
    log_write(fs->log, CLIENT_LOG_INFO, "forgot what was cached and read the credentials again");
}

/* The loop waits in a call that only a signal ends; it may come just before that call. */
static void end_loop(struct signals *signals)
{
    struct timespec pause = {.tv_nsec = WAKE_AGAIN_NANOSECONDS};
    fuse_session_exit(signals->fs->session);
    while (!atomic_load(&signals->stopping)) {
        pthread_kill(signals->loop, SIGUSR1);
        nanosleep(&pause, NULL);
    }
}

static void *signal_thread(void *context)
{
    struct signals *signals = context;
    sigset_t set;
    awaited(&set);
    while (!atomic_load(&signals->stopping)) {
        int number;
        if (sigwait(&set, &number) != 0 || number == SIGUSR2)
            continue;
        if (number == SIGHUP)
            reload(signals->fs);
        else
            end_loop(signals);
    }
    return NULL;
}

struct signals *signals_start(struct filesystem *fs)
{
    struct signals *signals = calloc(1, sizeof *signals);
    if (!signals)
        return NULL;
    signals->fs = fs;
    signals->loop = pthread_self();
    if (pthread_create(&signals->thread, NULL, signal_thread, signals) == 0)
        return signals;
    free(signals);
    return NULL;
}

void signals_stop(struct signals *signals)
{
    if (!signals)
        return;
    atomic_store(&signals->stopping, true);
    pthread_kill(signals->thread, SIGUSR2);
    pthread_join(signals->thread, NULL);
    free(signals);
}
