/* SPDX-License-Identifier: MIT */
/* The program's log: stderr in the foreground, a file, or syslog once in the background. */
#ifndef FS_LOG_H
#define FS_LOG_H

#include "client.h"

struct log;

/* `path` NULL: stderr. NULL with errno set when the file cannot be opened. Any thread may write. */
struct log *log_open(const char *path, enum client_log_level level);
void log_close(struct log *log);
/* Opens the file again, after it was rotated; keeps the old one when that fails. */
void log_reopen(struct log *log);
/* From now on syslog takes what went to stderr: there is no terminal any more. */
void log_leave_terminal(struct log *log);
/* Shows how far something is on the last line of the terminal that stderr is, in place of what was
 * shown there before; what the log then writes takes that place. */
void log_show_progress(struct log *log, const char *line);
/* What is shown stays, and its line ends. */
void log_end_progress(struct log *log);
void log_write(struct log *log, enum client_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
