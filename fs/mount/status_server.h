/* SPDX-License-Identifier: MIT */
/*
 * Answers `registryfs --status` on sockets beside the mount, from a thread of
 * its own: it works while the mount hangs. A file that somebody has cleaned
 * away is made anew. A connection sends a format's name
 * and a newline and gets the state ("healthy" or "degraded"), a newline, and
 * the text. The server is asked at most once a second, and only when somebody
 * wants to know.
 */
#ifndef FS_STATUS_SERVER_H
#define FS_STATUS_SERVER_H

#include "inode/filesystem.h"

struct status_server;

/* Listens under a status_key(); what cannot be done is logged, the mount works without. NULL: no
 * status socket. */
struct status_server *status_server_start(struct filesystem *fs, const char *key);
/* After client_shut_down(), which ends its waiting. NULL is allowed. */
void status_server_stop(struct status_server *server);

#endif
