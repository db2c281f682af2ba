/* SPDX-License-Identifier: MIT */
/*
 * What the commands that fetch files without a mount have in common: the connection, the version,
 * the files that were asked for, the engine, signals. One at a time in a process, used by one
 * thread.
 */
#ifndef FS_OFFLINE_H
#define FS_OFFLINE_H

#include "download/download.h"
#include "download/terminal_progress.h"
#include "report/options.h"
#include "signals.h"

struct offline {
    struct filesystem fs;
    struct signals *signals;
    const struct version *version; /* borrowed from the tree */
    struct object_list listed;
    struct wanted *files; /* ordered by path, owned */
    size_t count;
    struct download *download;
    struct terminal_progress progress;
    unsigned removed; /* files that were not of the version */
};

/* Of the config, what is not of the connection counts. Connects, finds the version and its files,
 * starts the engine; what failed was said. 0, or the exit code. To be closed in any case. */
int offline_open(struct offline *offline, const struct options *options,
                 const struct download_config *config);
/* Brings all files, and says how far it is. */
void offline_run(struct offline *offline);
/* Waits until the disk has what has come, and its digests are compared. Nothing can be brought
 * afterwards. */
void offline_settle(struct offline *offline);
/* Ends the engine. */
void offline_close(struct offline *offline);
/* The exit code of what a signal has ended; else `code`. */
int offline_result(const struct offline *offline, int code);

#endif
