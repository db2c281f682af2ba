/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include "base/banned.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TAKE_BACK_LIMIT_MS = 10000 };

void daemon_fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static bool is_kept(int fd, const int *kept, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (kept[i] == fd)
            return true;
    }
    return false;
}

void daemon_close_inherited(const int *kept, size_t count)
{
    DIR *open_ones = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (open_ones && (entry = readdir(open_ones)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > STDERR_FILENO && fd != dirfd(open_ones) && !is_kept(fd, kept, count))
            close(fd);
    }
    if (open_ones) {
        closedir(open_ones);
        return;
    }
    /* No /proc. */
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = STDERR_FILENO + 1; fd < most && fd < 65536; fd++) {
        if (!is_kept(fd, kept, count))
            close(fd);
    }
}

void daemon_end_helper(int exit_code)
{
    _exit(exit_code);
}

/* The signals that a person or a supervisor ends a program with. */
static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGQUIT);
}

/* Waits until the child has closed its end: then nothing is mounted any more. */
static void wait_for_taking_back(int child)
{
    int64_t deadline = clock_milliseconds() + TAKE_BACK_LIMIT_MS;
    char byte;
    shutdown(child, SHUT_WR);
    for (;;) {
        struct pollfd wait = {.fd = child, .events = POLLIN};
        int64_t left = deadline - clock_milliseconds();
        if (left <= 0 || poll(&wait, 1, (int)left) == 0)
            return;
        if (wait.revents && recv(child, &byte, 1, 0) <= 0)
            return;
    }
}

/* As if the signal had not been waited for. */
static void end_by(int number, const sigset_t *inherited)
{
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_SETMASK, inherited, NULL);
    sigset_t alone;
    sigemptyset(&alone);
    sigaddset(&alone, number);
    sigprocmask(SIG_UNBLOCK, &alone, NULL);
}

/* Waits for the child's word, an exit code; without one the child has died. */
static int wait_for_child(int child, int signals, const sigset_t *inherited)
{
    struct pollfd waits[] = {{.fd = signals, .events = POLLIN}, {.fd = child, .events = POLLIN}};
    unsigned char code = EXIT_SYSTEM;
    struct signalfd_siginfo info;
    while (!waits[0].revents && !waits[1].revents) {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            return EXIT_SYSTEM;
    }
    if (waits[0].revents && read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        wait_for_taking_back(child);
        end_by((int)info.ssi_signo, inherited);
        return EXIT_SYSTEM;
    }
    if (recv(child, &code, 1, 0) != 1) {
        fprintf(stderr, "registryfs: the mount process ended unexpectedly; see its log\n");
        return EXIT_SYSTEM;
    }
    if (code == EXIT_MOUNTED)
        send(child, "", 1, MSG_NOSIGNAL); /* heard: it may stay */
    return code;
}

static enum daemon_role become_child(struct daemon *daemon, int caller, const sigset_t *inherited)
{
    setsid();
    daemon->caller = caller;
    sigprocmask(SIG_SETMASK, inherited, NULL);
    return DAEMON_CHILD;
}

enum daemon_role daemon_start(struct daemon *daemon, bool foreground, int ready_fd, int *exit_code)
{
    *daemon = (struct daemon){.caller = -1, .ready_fd = ready_fd};
    if (ready_fd >= 0)
        fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
    if (foreground)
        return DAEMON_CHILD;
    int ends[2];
    sigset_t ending, inherited;
    ending_signals(&ending);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return DAEMON_FAILED;
    sigprocmask(SIG_BLOCK, &ending, &inherited);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        return become_child(daemon, ends[1], &inherited);
    }
    close(ends[1]);
    int signals = child > 0 ? signalfd(-1, &ending, SFD_CLOEXEC) : -1;
    if (child > 0)
        *exit_code = wait_for_child(ends[0], signals, &inherited);
    if (signals >= 0)
        close(signals);
    close(ends[0]);
    return child > 0 ? DAEMON_PARENT : DAEMON_FAILED;
}

static void tell_parent(const struct daemon *daemon, int code)
{
    unsigned char byte = (unsigned char)code;
    if (daemon->caller >= 0)
        send(daemon->caller, &byte, 1, MSG_NOSIGNAL);
}

static bool write_newline(int fd)
{
    ssize_t written;
    do
        written = write(fd, "\n", 1);
    while (written < 0 && errno == EINTR);
    return written == 1 || errno != EPIPE;
}

bool daemon_ready(struct daemon *daemon)
{
    bool heard = true;
    if (daemon->ready_fd >= 0) {
        heard = write_newline(daemon->ready_fd);
        close(daemon->ready_fd);
        daemon->ready_fd = -1;
    }
    if (daemon->caller < 0 || !heard)
        return heard;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        close(null);
    }
    if (chdir("/") < 0)
        null = -1; /* a working directory that stays busy is no reason to fail */
    tell_parent(daemon, EXIT_MOUNTED);
    return true;
}

void daemon_failed(struct daemon *daemon, int exit_code)
{
    if (daemon->ready_fd >= 0)
        close(daemon->ready_fd);
    daemon->ready_fd = -1;
    if (daemon->caller < 0)
        return;
    tell_parent(daemon, exit_code);
    close(daemon->caller);
    daemon->caller = -1;
}
