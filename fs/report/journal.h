/* SPDX-License-Identifier: MIT */
/* The last 100 errors, as `.registryfs/errors` shows them (design 2). Any thread. */
#ifndef FS_JOURNAL_H
#define FS_JOURNAL_H

#include "base/buf.h"
#include "base/error.h"

struct journal;

struct journal *journal_new(void);
void journal_free(struct journal *journal);
/* One line: time, operation, path, errno name, the server's own words. */
void journal_add(struct journal *journal, const char *operation, const char *path,
                 enum error_kind kind, const char *message);
/* All lines, oldest first. */
void journal_render(struct journal *journal, struct buf *out);
/* The newest line without its end of line; empty when there is none. */
void journal_last(struct journal *journal, char *line, size_t size);

#endif
