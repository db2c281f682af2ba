/* SPDX-License-Identifier: MIT */
/* Going to the background, and telling whoever waits whether the mount succeeded. */
#ifndef FS_DAEMON_H
#define FS_DAEMON_H

#include <stdbool.h>

/* Exit codes of mount(8). */
enum { EXIT_MOUNTED = 0, EXIT_USAGE = 1, EXIT_SYSTEM = 2, EXIT_MOUNT_FAILED = 32 };

struct daemon {
    int result_pipe; /* write end to the waiting parent; -1: in the foreground */
    int ready_fd;    /* -1: none */
};

enum daemon_role {
    DAEMON_CHILD,  /* this process mounts */
    DAEMON_PARENT, /* the child has reported how it went: end with *exit_code */
    DAEMON_FAILED, /* cannot fork; errno says why */
};

/* Forks unless in the foreground. Blocks in the parent until the child has mounted or failed. */
enum daemon_role daemon_start(struct daemon *daemon, bool foreground, int ready_fd, int *exit_code);
/* The mount answers: lets the parent end with 0, writes the newline, leaves the terminal. */
void daemon_ready(struct daemon *daemon);
/* The parent ends with this code, unless it has ended already. */
void daemon_failed(struct daemon *daemon, int exit_code);

#endif
