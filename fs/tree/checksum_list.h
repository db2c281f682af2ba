/* SPDX-License-Identifier: MIT */
/* What md5sum prints of a version's files, for `md5sum -c` from within files/. */
#ifndef FS_CHECKSUM_LIST_H
#define FS_CHECKSUM_LIST_H

#include "base/buf.h"
#include "base/object.h"

/* Appends one line for each stored file that files/ shows, under the name that it shows. `files`:
 * struct artifact_file, ordered by path. False: no memory or over the ceiling. */
bool checksum_list_write(const struct object_list *files, struct buf *list);

#endif
