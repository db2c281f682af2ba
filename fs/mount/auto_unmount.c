/* SPDX-License-Identifier: MIT */
#include "auto_unmount.h"

#include "base/banned.h"
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* Reads until the other process has ended; what it had unmounted itself is not there any more. */
static void watch(int pipe)
{
    struct kernel_mount mount;
    size_t used = 0;
    for (;;) {
        char rest;
        bool full = used == sizeof mount;
        ssize_t got =
            read(pipe, full ? &rest : (char *)&mount + used, full ? 1 : sizeof mount - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += full ? 0 : (size_t)got;
    }
    mount.device = -1; /* a number of the other process */
    if (used == sizeof mount)
        kernel_mount_undo(&mount);
}

int auto_unmount_start(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        setsid();
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
            close(fd);
        daemon_fill_standard_descriptors();
        daemon_close_inherited(&ends[0], 1);
        if (chdir("/") == 0)
            watch(ends[0]);
        daemon_end_helper(EXIT_MOUNTED);
    }
    close(ends[0]);
    if (child > 0)
        return ends[1];
    close(ends[1]);
    return -1;
}

void auto_unmount_note(int pipe, const struct kernel_mount *mount)
{
    const char *bytes = (const char *)mount;
    for (size_t written = 0; written < sizeof *mount;) {
        ssize_t count = write(pipe, bytes + written, sizeof *mount - written);
        if (count < 0 && errno != EINTR)
            return;
        written += count > 0 ? (size_t)count : 0;
    }
}
