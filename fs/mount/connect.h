/* SPDX-License-Identifier: MIT */
/*
 * From the options to the place that SOURCE names: what a mount begins with, and what the commands
 * do that need no mount. Both calls block, say on standard error what has failed, and return 0 or
 * the exit code.
 */
#ifndef FS_CONNECT_H
#define FS_CONNECT_H

#include "inode/filesystem.h"

/* Makes the client; asks no server. From here on, and up to --mount-timeout, rate limits are waited
 * out. Log and journal must be there. */
int connect_client(struct filesystem *fs);
/* The same, but for saying it: 0, or -1 with the error. */
int connect_make_client(struct filesystem *fs, struct error *error);

/* Makes the tree, and its mount root what the options name: checks the credentials and asks for
 * what lies on the way to it; one request for a version that is named with its digest, none with
 * --resolved. Before anybody else has the tree. */
int connect_source(struct filesystem *fs);

/* The log, the journal and the client, for a command that mounts nothing; this process' memory,
 * which will hold the key, is kept private. To be released in any case. */
int connect_without_mount(struct filesystem *fs);
/* The same without the client. */
int connect_prepare(struct filesystem *fs);
void connect_release(struct filesystem *fs);

/* The API key is in this process: no core dump, no debugger of another process. */
void connect_keep_memory_private(void);

#endif
