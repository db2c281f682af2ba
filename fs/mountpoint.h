/* SPDX-License-Identifier: MIT */
/* Is there a place to mount at, and if the mount failed: why, in words that help. */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include <stdbool.h>
#include <stddef.h>

/* 0, or an exit code and a message. A dead FUSE mount at the place is taken away first: what an
 * earlier run of ours left when it was killed. */
int mountpoint_check(const char *mountpoint, char *message, size_t size);
/* `complaint` is what libfuse said, empty when nothing. */
void mountpoint_explain_failure(const char *mountpoint, const char *complaint, char *message,
                                size_t size);

/* Uses CAP_SYS_ADMIN where the program's file or who started it granted it (`setcap
 * cap_sys_admin+p`): a user without a name can mount then, for whom fusermount3 does nothing. */
void mountpoint_raise_privilege(void);
/* Takes a dead FUSE mount away; anything else stays. */
void mountpoint_clear_dead(const char *mountpoint);
/* Is the program there that mounts for users without privilege (fusermount3)? */
bool mountpoint_has_helper(void);

#endif
