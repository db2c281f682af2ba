/* SPDX-License-Identifier: MIT */
/* A mount namespace of one's own, with a user namespace around it where that is what it takes. */
#ifndef FS_NAMESPACE_H
#define FS_NAMESPACE_H

#include <stdbool.h>
#include <stddef.h>

/* Moves this process there; before any thread is started, and while the process is dumpable (else
 * its uid_map belongs to root). Mounts made there are seen by its children alone; user and group
 * stay the same. False: `message` names the missing permission; nothing has changed, or the process
 * must end. */
bool namespace_enter(char *message, size_t size);

#endif
