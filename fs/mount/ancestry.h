/* SPDX-License-Identifier: MIT */
/* Who started this process. */
#ifndef FS_ANCESTRY_H
#define FS_ANCESTRY_H

#include <stdbool.h>

/* Whether mount(8) did, itself or through its helper (/etc/fstab): where it is started then says
 * nothing about whose settings count. Reads /proc; false when that cannot be read. */
bool started_by_mount(void);

#endif
