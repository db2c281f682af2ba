/* SPDX-License-Identifier: MIT */
/* How far a download is, on standard error: on a terminal one line that changes, else a line now
 * and then. One thread. */
#ifndef FS_TERMINAL_PROGRESS_H
#define FS_TERMINAL_PROGRESS_H

#include "download.h"
#include "report/log.h"

struct terminal_progress {
    bool quiet;
    bool terminal;
    int64_t began; /* clock_milliseconds() */
};

void terminal_progress_begin(struct terminal_progress *progress, bool quiet);
/* Milliseconds between two calls of terminal_progress_show(). */
int terminal_progress_interval(const struct terminal_progress *progress);
/* On a terminal the line is the log's to end. */
void terminal_progress_show(const struct terminal_progress *progress, struct log *log,
                            const struct download_figures *figures, size_t files);

#endif
