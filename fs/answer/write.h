/* SPDX-License-Identifier: MIT */
/* Writing to an open file, and the moments at which an attribute is saved (edit.h). */
#ifndef FS_WRITE_H
#define FS_WRITE_H

#include "wait/request.h"

/* Bodies of requests (request.h). */
bool write_body(struct request *request);
bool flush_body(struct request *request);
bool fsync_body(struct request *request);
bool release_body(struct request *request);
bool fallocate_body(struct request *request);

/* Sets the size of what the handle writes; 0 or an errno. Needs nodes->lock. */
int writefile_resize(struct request *request, size_t size);

#endif
