/* SPDX-License-Identifier: MIT */
/* Which signals a process that waits for us has got: proc(5), /proc/PID/status. */
#ifndef FS_CALLER_SIGNALS_H
#define FS_CALLER_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether nothing is pending for the thread that should end a wait: SIGINT, SIGQUIT, SIGTERM,
 * SIGHUP, SIGKILL, or what ends the process. What it catches otherwise, and stops, end no call of a
 * local filesystem. False when it cannot be looked at, as in another PID namespace. */
bool signals_are_harmless(pid_t thread);

#endif
