/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include "base/banned.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for the child's word, an exit code; without one the child has died. */
static int wait_for_child(int result_pipe)
{
    unsigned char code;
    ssize_t got;
    do
        got = read(result_pipe, &code, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) {
        fprintf(stderr, "registryfs: the mount process ended unexpectedly; see its log\n");
        code = EXIT_SYSTEM;
    }
    return code;
}

enum daemon_role daemon_start(struct daemon *daemon, bool foreground, int ready_fd, int *exit_code)
{
    *daemon = (struct daemon){.result_pipe = -1, .ready_fd = ready_fd};
    if (ready_fd >= 0)
        fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
    if (foreground)
        return DAEMON_CHILD;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return DAEMON_FAILED;
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return DAEMON_FAILED;
    }
    if (child > 0) {
        close(ends[1]);
        *exit_code = wait_for_child(ends[0]);
        close(ends[0]);
        return DAEMON_PARENT;
    }
    close(ends[0]);
    setsid();
    daemon->result_pipe = ends[1];
    return DAEMON_CHILD;
}

static void tell_parent(struct daemon *daemon, int code)
{
    if (daemon->result_pipe < 0)
        return;
    unsigned char byte = (unsigned char)code;
    while (write(daemon->result_pipe, &byte, 1) < 0 && errno == EINTR)
        ;
    close(daemon->result_pipe);
    daemon->result_pipe = -1;
}

void daemon_ready(struct daemon *daemon)
{
    if (daemon->ready_fd >= 0) {
        while (write(daemon->ready_fd, "\n", 1) < 0 && errno == EINTR)
            ;
        close(daemon->ready_fd);
        daemon->ready_fd = -1;
    }
    if (daemon->result_pipe < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        if (null > STDERR_FILENO)
            close(null);
    }
    if (chdir("/") < 0)
        null = -1; /* a working directory that stays busy is no reason to fail */
    tell_parent(daemon, EXIT_MOUNTED);
}

void daemon_failed(struct daemon *daemon, int exit_code)
{
    if (daemon->ready_fd >= 0)
        close(daemon->ready_fd);
    daemon->ready_fd = -1;
    tell_parent(daemon, exit_code);
}
