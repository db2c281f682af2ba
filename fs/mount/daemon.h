/* SPDX-License-Identifier: MIT */
/*
 * Going to the background, and telling whoever waits whether the mount
 * succeeded. Who waits says in turn that it has heard of it: a start whose
 * caller was interrupted or is gone must leave nothing mounted.
 */
#ifndef FS_DAEMON_H
#define FS_DAEMON_H

#include "failure.h"

#include <stdbool.h>
#include <stddef.h>

struct daemon {
    int caller;   /* socket to the waiting parent; -1: in the foreground, or it was told */
    int ready_fd; /* -1: none */
};

enum daemon_role {
    DAEMON_CHILD,  /* this process mounts */
    DAEMON_PARENT, /* the child has reported how it went: end with *exit_code */
    DAEMON_FAILED, /* cannot fork; errno says why */
};

/* Opens what is missing of standard input, output and error, so that no file gets their numbers. */
void daemon_fill_standard_descriptors(void);
/* Closes all descriptors above these but the kept ones (negative: none): what the caller has open
 * is its own. */
void daemon_close_inherited(const int *kept, size_t count);

/* Ends a process that was forked to watch or to look, without what main() does at its end. */
void daemon_end_helper(int exit_code) __attribute__((noreturn));

/* Forks unless in the foreground. Blocks in the parent until the child has mounted or failed; when
 * a signal ends the parent before, it waits for the child to have taken back what it did. */
enum daemon_role daemon_start(struct daemon *daemon, bool foreground, int ready_fd, int *exit_code);
/* The mount answers: lets the parent end with 0, writes the newline, leaves the terminal. False:
 * whoever waited for the newline is gone. */
bool daemon_ready(struct daemon *daemon);
/* The parent ends with this code, unless it has ended already. */
void daemon_failed(struct daemon *daemon, int exit_code);

#endif
