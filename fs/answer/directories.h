/* SPDX-License-Identifier: MIT */
/* An open directory: a snapshot that readdir reads from memory, page by page. */
#ifndef FS_DIRECTORIES_H
#define FS_DIRECTORIES_H

#include "wait/request.h"

/* Bodies of requests (request.h). */
bool opendir_body(struct request *request);
bool readdir_body(struct request *request);
bool readdirplus_body(struct request *request);
bool releasedir_body(struct request *request);

/* At the end of a mount: the kernel may not have sent every release any more. */
void open_directory_close_all(struct filesystem *fs);

#endif
