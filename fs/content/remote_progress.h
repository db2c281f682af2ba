/* SPDX-License-Identifier: MIT */
/* How far the contents are that readers wait for: what a program shows that copies files. */
#ifndef FS_REMOTE_PROGRESS_H
#define FS_REMOTE_PROGRESS_H

#include "progress.h"

#include <stddef.h>

struct remote_file;
struct remote_files;
struct remote_reader;

/* What is under way or has just come: first that which is not finished, of that what moved last;
 * each path once. Returns how many were put into `list`; *under_way: how many are not finished,
 * those among them that found no place. Does not block. */
size_t remote_list_progress(struct remote_files *files, struct remote_progress list[PROGRESS_MOST],
                            unsigned *under_way);

/* The reader's content is read by the kernel, past this module, while it is open. */
void remote_note_passed(struct remote_reader *reader);

/* For the files of remote content, which have the lock: somebody wants the content; so many bytes
 * have come; it is closed. */
void remote_progress_begin(struct remote_file *file);
void remote_progress_add(struct remote_file *file, uint64_t size, enum progress_source source);
void remote_progress_keep(struct remote_file *file);

#endif
