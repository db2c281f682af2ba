/* SPDX-License-Identifier: MIT */
/* File locks (flock) that are never waited for without a bound: who holds one may be stopped. */
#ifndef FS_BRIEF_LOCK_H
#define FS_BRIEF_LOCK_H

#include <stdbool.h>

/* Takes the lock (LOCK_SH or LOCK_EX), waiting for so long at most. False with errno, EWOULDBLOCK:
 * somebody else keeps it. */
bool lock_within(int descriptor, int operation, int milliseconds);

#endif
