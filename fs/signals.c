/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "place.h"

#include <signal.h>

struct signals {
    struct filesystem *fs;
    struct session_loop *loop;
    pthread_t thread;
    atomic_bool stopping;
};

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
            session_loop_end(signals->loop);
    }
    return NULL;
}

struct signals *signals_start(struct filesystem *fs, struct session_loop *loop)
{
    struct signals *signals = calloc(1, sizeof *signals);
    if (!signals)
        return NULL;
    signals->fs = fs;
    signals->loop = loop;
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
