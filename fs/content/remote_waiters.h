/* SPDX-License-Identifier: MIT */
/* Who waits for content of a remote file (remote_file.h). Needs files->lock unless said otherwise.
 */
#ifndef FS_REMOTE_WAITERS_H
#define FS_REMOTE_WAITERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct remote_file;
struct remote_files;

/* One who waits; embedded in what waits, filled in by remote_wait(). */
struct remote_waiter {
    /* Makes the caller the one that goes on; false: it has been ended otherwise, and whoever did
     * calls remote_leave(). Must not wait or call back. */
    bool (*claim)(struct remote_waiter *waiter);
    /* Goes on after it was claimed: try again, or give up with the error if there is one. No lock
     * is held. */
    void (*resume)(struct remote_waiter *waiter, const struct error *error);
    struct remote_file *file;
    uint64_t offset, end;
    bool starved; /* no memory was to be had */
    struct remote_waiter *next, **link_to_this;
};

/* The waiter waits no more. Harmless after it was resumed. Takes the lock. */
void remote_leave(struct remote_files *files, struct remote_waiter *waiter);
/* Adds one whose range is filled in. */
void remote_link_waiter(struct remote_file *file, struct remote_waiter *waiter);
/* Takes the waiters of the file out that `ready` says, claimed, linked by next. */
struct remote_waiter *remote_take_waiters(struct remote_file *file,
                                          bool (*ready)(const struct remote_waiter *waiter,
                                                        const void *context),
                                          const void *context);
/* Takes out those of all files who found no memory. */
struct remote_waiter *remote_take_starved(struct remote_files *files);
/* Without the lock: resumes what was taken. */
void remote_resume(struct remote_waiter *waiters, const struct error *error);
bool remote_any(const struct remote_waiter *waiter, const void *context);

#endif
