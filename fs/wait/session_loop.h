/* SPDX-License-Identifier: MIT */
/*
 * Takes the kernel's requests off the session and has them answered.
 *
 * One thread reads, and answers what is in memory before it reads again; it steps aside for
 * another one before it begins with what may take longer. While one request follows shortly on the
 * other it does not go to sleep between them. With several threads in read(2), as libfuse's loop
 * has them, the kernel wakes for each request the one that has slept longest: that takes longer
 * than the answer.
 */
#ifndef FS_SESSION_LOOP_H
#define FS_SESSION_LOOP_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

struct session_loop;

/* The session is borrowed. NULL: no memory. */
struct session_loop *session_loop_new(struct fuse_session *session);
/* Serves until the filesystem is unmounted or the loop is ended. 0, or -errno of reading. */
int session_loop_run(struct session_loop *loop);
/* Ends it, from any other thread; waits until nobody reads any more. */
void session_loop_end(struct session_loop *loop);
/* Once it does not run any more. */
void session_loop_free(struct session_loop *loop);

/* For a handler that may have to wait, be it for a disk: another thread reads from now on. Does
 * nothing in a thread that does not read. */
void session_loop_step_aside(void);
/* The same for one that can leave it to a worker: false when nobody else is free to read, so that
 * it must not wait. At least one thread is always left that answers from memory, however slow a
 * disk is. */
bool session_loop_may_wait(void);

#endif
