/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "tree/place.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

struct signals {
    struct filesystem *fs;
    pthread_t thread;
    int descriptor; /* signalfd */
    int wake;       /* eventfd: to end the mount, or the thread */
    int caller;     /* the thread's own; -1: nobody waits any more */
    atomic_bool mounted;
    atomic_bool stopping;
    atomic_int number; /* of the signal that has come; 0: none */
    pthread_mutex_t lock;
    void (*end)(void *context); /* under lock, as what follows */
    void *context;
    bool ended;
};

static void awaited(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGQUIT);
    sigaddset(set, SIGHUP);
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

void signals_set_end(struct signals *signals, void (*end)(void *context), void *context)
{
    pthread_mutex_lock(&signals->lock);
    signals->end = end;
    signals->context = context;
    if (signals->ended && end)
        end(context);
    pthread_mutex_unlock(&signals->lock);
}

/* Not for others: what it calls may wait for the thread that reads the kernel's requests. */
static void end_now(struct signals *signals)
{
    pthread_mutex_lock(&signals->lock);
    bool first = !signals->ended;
    signals->ended = true;
    if (first && signals->end)
        signals->end(signals->context);
    pthread_mutex_unlock(&signals->lock);
}

void signals_end(struct signals *signals)
{
    eventfd_write(signals->wake, 1);
}

void signals_mounted(struct signals *signals)
{
    atomic_store(&signals->mounted, true);
}

static void take_signal(struct signals *signals)
{
    struct signalfd_siginfo info;
    if (read(signals->descriptor, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGHUP && atomic_load(&signals->mounted)) {
        reload(signals->fs);
        return;
    }
    atomic_store(&signals->number, (int)info.ssi_signo);
    end_now(signals);
}

/* The caller has heard of the mount, or is gone. */
static void hear_caller(struct signals *signals)
{
    char byte;
    ssize_t got = recv(signals->caller, &byte, 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    signals->caller = -1;
    if (got != 1)
        end_now(signals);
}

static void *signal_thread(void *context)
{
    struct signals *signals = context;
    while (!atomic_load(&signals->stopping)) {
        struct pollfd waits[] = {{.fd = signals->wake, .events = POLLIN},
                                 {.fd = signals->descriptor, .events = POLLIN},
                                 {.fd = signals->caller, .events = POLLIN}};
        if (poll(waits, 3, -1) < 0)
            continue;
        eventfd_t ignored;
        bool woken = waits[0].revents && eventfd_read(signals->wake, &ignored) == 0;
        if (woken && !atomic_load(&signals->stopping))
            end_now(signals);
        if (waits[1].revents)
            take_signal(signals);
        if (waits[2].revents)
            hear_caller(signals);
    }
    return NULL;
}

static void free_signals(struct signals *signals)
{
    if (signals->wake >= 0)
        close(signals->wake);
    if (signals->descriptor >= 0)
        close(signals->descriptor);
    pthread_mutex_destroy(&signals->lock);
    free(signals);
}

struct signals *signals_start(struct filesystem *fs, int caller)
{
    struct signals *signals = calloc(1, sizeof *signals);
    sigset_t set;
    if (!signals)
        return NULL;
    awaited(&set);
    signals->fs = fs;
    signals->caller = caller;
    signals->wake = eventfd(0, EFD_CLOEXEC);
    signals->descriptor = signalfd(-1, &set, SFD_CLOEXEC);
    pthread_mutex_init(&signals->lock, NULL);
    if (signals->wake >= 0 && signals->descriptor >= 0 &&
        pthread_create(&signals->thread, NULL, signal_thread, signals) == 0)
        return signals;
    free_signals(signals);
    return NULL;
}

int signals_number(const struct signals *signals)
{
    return atomic_load(&signals->number);
}

void signals_stop(struct signals *signals)
{
    if (!signals)
        return;
    atomic_store(&signals->stopping, true);
    eventfd_write(signals->wake, 1);
    pthread_join(signals->thread, NULL);
    free_signals(signals);
}
