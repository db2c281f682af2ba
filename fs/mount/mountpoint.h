/* SPDX-License-Identifier: MIT */
/* The place to mount at: resolved once, opened once, and looked at no more once it is mounted. */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include "kernel_mount.h"

/* Makes sure that it is good to mount at: an empty directory, no live registryfs, not `/`; takes
 * what a killed registryfs has left there away first. 0, or an exit code and a message. */
int mountpoint_open(struct mountpoint *mountpoint, const char *given, bool nonempty, char *message,
                    size_t size);
/* The same again just before it is mounted on, for what others have done since. A descriptor that
 * keeps other mounts of this program away until it is closed stands in *lock, -1 where there is
 * none. */
int mountpoint_check(const struct mountpoint *mountpoint, bool nonempty, int *lock, char *message,
                     size_t size);
void mountpoint_close(struct mountpoint *mountpoint);

/* Uses CAP_SYS_ADMIN where the program's file or who started it granted it (`setcap
 * cap_sys_admin+p`): a user without a name can mount then, for whom fusermount3 does nothing. */
void mountpoint_raise_privilege(void);
/* Takes a dead registryfs mount away; anything else stays. */
void mountpoint_clear_dead(const char *mountpoint);

#endif
