/* SPDX-License-Identifier: MIT */
/* Files on their way, and those that have just come, as the texts of status.h. */
#ifndef FS_STATUS_FILES_H
#define FS_STATUS_FILES_H

#include "content/progress.h"
#include "status_text.h"

/* Appends what each format says of them: of JSON the array alone. */
void status_put_files(struct buf *text, enum status_format format,
                      const struct remote_progress *list, size_t count);

#endif
