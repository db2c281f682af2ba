/* SPDX-License-Identifier: MIT */
/* How far a download is, on standard error: on a terminal one line that changes, else a line now
 * and then. One thread. */
#ifndef FS_PROGRESS_H
#define FS_PROGRESS_H

#include "download.h"

struct progress {
    bool quiet;
    bool terminal;
    bool shown;    /* a line of the terminal is not ended yet */
    int64_t began; /* clock_milliseconds() */
};

void progress_begin(struct progress *progress, bool quiet);
/* Milliseconds between two calls of progress_show(). */
int progress_interval(const struct progress *progress);
void progress_show(struct progress *progress, const struct download_figures *figures, size_t files);
/* Ends the line of a terminal. */
void progress_end(struct progress *progress);

#endif
