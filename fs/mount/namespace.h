/* SPDX-License-Identifier: MIT */
/* A mount namespace of one's own, with a user namespace around it where that is what it takes. */
#ifndef FS_NAMESPACE_H
#define FS_NAMESPACE_H

#include <stddef.h>

enum namespace_result {
    NAMESPACE_ENTERED,
    NAMESPACE_FORBIDDEN, /* everything is as it was */
    NAMESPACE_UNUSABLE,  /* half-way there: the process must end */
};

/* Moves this process there; before any thread is started, and while the process is dumpable (else
 * its uid_map belongs to root). Mounts made there are seen by its children alone; user and group
 * stay the same. On failure `message` names the missing permission. */
enum namespace_result namespace_enter(char *message, size_t size);

#endif
