/* SPDX-License-Identifier: MIT */
/*
 * An open file: an attribute for reading (the text as it was when it was
 * opened), an attribute for writing (a draft, save.h), a file in memory
 * (local.h), or a file of an artifact (read_content.h). Writing is in write.h.
 */
#ifndef FS_FILES_H
#define FS_FILES_H

#include "tree/open_file.h"
#include "wait/request.h"

/* Bodies of requests (request.h). */
bool open_body(struct request *request);
bool create_body(struct request *request);
bool read_body(struct request *request);

struct open_file *file_handle(const struct request *request);
/* Gives up what an open file holds, and frees it. */
void open_file_close(struct filesystem *fs, struct open_file *open);
/* The same for all that are open when the mount ends before they are closed. */
void open_file_close_all(struct filesystem *fs);
/* A handle sees the size of its own text: of what it has written, or of what it reads from open to
 * close. Whether that differs from what the place shows. Needs nodes->lock. */
bool open_file_show_size(const struct request *request, struct stat *attributes);

#endif
