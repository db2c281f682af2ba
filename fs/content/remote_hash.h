/* SPDX-License-Identifier: MIT */
/* Hashing what has come of a remote file (remote_digest.h), by jobs on a lane of their own, from
 * memory or from the disk. Needs files->lock unless it says otherwise. */
#ifndef FS_REMOTE_HASH_H
#define FS_REMOTE_HASH_H

#include <stdbool.h>
#include <stdint.h>

struct remote_file;

/* Whether there is something to do now that these bytes are there; then digest_run() must follow.
 */
bool digest_due(struct remote_file *file, uint64_t offset, uint64_t end);
/* The same when a transfer has ended: the disk may have it all now. */
bool digest_due_for_disk(struct remote_file *file);
/* Has it done on the lane. Without the lock. */
void digest_run(struct remote_file *file);
/* The content is wrong: all who have it open fail, or, if it `may` and nobody has seen any of it,
 * it is fetched once more. Without the lock; blocks until the kernel has forgotten it. */
void digest_reject(struct remote_file *file, bool may_fetch_again);

#endif
