/* SPDX-License-Identifier: MIT */
/* Which signals a process that waits for us has got: proc(5), /proc/PID/status. */
#ifndef FS_CALLER_SIGNALS_H
#define FS_CALLER_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether all that is pending for the thread are signals that end nothing by themselves: a window's
 * size, a child's end, timers, urgent data. False when nothing is pending or it cannot be read. */
bool signals_are_harmless(pid_t thread);

#endif
