/* SPDX-License-Identifier: MIT */
/* What ends the mount from outside: SIGTERM, SIGINT, SIGQUIT, and while it starts a caller that
 * goes away. SIGHUP: forget, read the credentials again, reopen the log. */
#ifndef FS_SIGNALS_H
#define FS_SIGNALS_H

#include "inode/filesystem.h"

struct signals;

/* Before any thread is started: the signals are for one thread alone. */
void signals_block(void);
/* `caller` is a socket to the process that waits for the mount, borrowed: it sends a byte once it
 * has heard that the mount answers; closed without one, the mount ends. -1: nobody waits. NULL: no
 * memory. */
struct signals *signals_start(struct filesystem *fs, int caller);
/* What is to be done from now on to end the mount, instead of what was said before; at once where
 * that was wanted already. Called from the thread of signals, once at most. NULL: nothing. */
void signals_set_end(struct signals *signals, void (*end)(void *context), void *context);
/* From now on SIGHUP reads again; before, while the mount starts, it ends it. */
void signals_mounted(struct signals *signals);
/* Ends the mount as a signal does, soon, from the thread of signals. */
void signals_end(struct signals *signals);
/* The signal that has ended it; 0: none has. */
int signals_number(const struct signals *signals);
void signals_stop(struct signals *signals);

#endif
