/* SPDX-License-Identifier: MIT */
/* `registryfs --status`: asks the status socket of a mount, never the mount itself. */
#ifndef FS_STATUS_QUERY_H
#define FS_STATUS_QUERY_H

#include <stdbool.h>
#include <stdio.h>

enum { STATUS_HEALTHY = 0, STATUS_DEGRADED = 1, STATUS_DOWN = 2 };

/* `target`: a mountpoint or a status socket. Prints the answer; a mount that cannot be asked is
 * down and the reason is printed. Blocks for 15 s at most. Returns the exit status. */
int status_query(const char *target, bool json, FILE *out);
/* Shows the files on their way once a second, on a terminal in place, until the mount is down or
 * nobody reads `out` any more. Returns the exit status. */
int status_watch(const char *target, FILE *out);

#endif
