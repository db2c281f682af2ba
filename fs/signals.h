/* SPDX-License-Identifier: MIT */
/* SIGTERM, SIGINT: unmount and end. SIGHUP: forget, read the credentials again, reopen the log. */
#ifndef FS_SIGNALS_H
#define FS_SIGNALS_H

#include "filesystem.h"
#include "session_loop.h"

struct signals;

/* Before any thread is started: the signals are for one thread alone. */
void signals_block(void);
/* NULL: no memory, signals then end nothing. The loop is borrowed. */
struct signals *signals_start(struct filesystem *fs, struct session_loop *loop);
void signals_stop(struct signals *signals);

#endif
