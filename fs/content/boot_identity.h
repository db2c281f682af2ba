/* SPDX-License-Identifier: MIT */
/* Which run of the kernel this is. */
#ifndef FS_BOOT_IDENTITY_H
#define FS_BOOT_IDENTITY_H

#include <stdint.h>

/* Another number after each start of the machine; 0: not known. Any thread. */
uint64_t boot_identity(void);

#endif
