/* SPDX-License-Identifier: MIT */
/* Reading the content of a remote file (remote_file.h) by a thread that may wait. Any thread. */
#ifndef FS_BLOCKING_READ_H
#define FS_BLOCKING_READ_H

#include "remote_file.h"

/* Blocks until the bytes from `offset` on are there, up to `size` of them or the end: the view is
 * to be released. Ends when they cannot be had, which the source decides, and soon after *cancelled
 * is set (ERROR_INTERRUPTED). */
int blocking_read(struct remote_files *files, struct remote_reader *reader, uint64_t offset,
                  size_t size, const atomic_bool *cancelled, struct remote_view *view,
                  struct error *error);

#endif
