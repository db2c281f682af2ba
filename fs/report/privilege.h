/* SPDX-License-Identifier: MIT */
#ifndef FS_PRIVILEGE_H
#define FS_PRIVILEGE_H

#include <stdbool.h>

/* Whether this process has CAP_SYS_ADMIN, which is what mount(2) asks for. */
bool privilege_to_mount(void);

#endif
