/* SPDX-License-Identifier: MIT */
/* -o auto_unmount: a process beside the mount's own, which unmounts when that one was killed. */
#ifndef FS_AUTO_UNMOUNT_H
#define FS_AUTO_UNMOUNT_H

#include "kernel_mount.h"

/* Starts it; before any thread. It ends with this process. Its pipe, to be closed at the end; -1
 * with errno. */
int auto_unmount_start(void);
/* Tells it what is mounted. */
void auto_unmount_note(int pipe, const struct kernel_mount *mount);

#endif
