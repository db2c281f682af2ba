/* SPDX-License-Identifier: MIT */
/* Setting what stat shows: sizes of what is being written, `touch DIRECTORY`, and what is accepted
 * and ignored because editors do it after each save. */
#ifndef FS_SETATTR_H
#define FS_SETATTR_H

#include "wait/request.h"

/* Body of a request (request.h). */
bool setattr_body(struct request *request);

#endif
