/* SPDX-License-Identifier: MIT */
/* An open attribute file: the text as it was when it was opened. */
#ifndef FS_OPENFILE_H
#define FS_OPENFILE_H

#include "request.h"

/* Bodies of requests (request.h). */
bool open_body(struct request *request);
bool read_body(struct request *request);
bool release_body(struct request *request);

#endif
