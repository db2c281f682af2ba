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

/* Forks unless in the foreground; only the child returns. The parent exits with what the child
 * reports. False: cannot fork; errno says why. */
bool daemon_start(struct daemon *daemon, bool foreground, int ready_fd);
/* The mount answers: lets the parent end with 0, writes the newline, leaves the terminal. */
void daemon_ready(struct daemon *daemon);
/* The parent ends with this code, unless it has ended already. */
void daemon_failed(struct daemon *daemon, int exit_code);

#endif
