/* SPDX-License-Identifier: MIT */
/*
 * Which files of a directory were found right, and how they looked then: one a line, in the file
 * that marks the directory. A line that is torn or makes no sense says nothing; the last one of a
 * path counts. Whoever opens it has the lock. Any thread may ask and add.
 */
#ifndef FS_TARGET_RECORD_H
#define FS_TARGET_RECORD_H

#include "base/md5.h"

#include <stdbool.h>
#include <sys/stat.h>

struct target_record;

/* Takes the descriptor over. NULL: no memory, it is closed. */
struct target_record *target_record_open(int marker);
/* NULL is fine. */
void target_record_close(struct target_record *record);

/* Whether the file at the path was found to have that digest and looks the same. */
bool target_record_knows(struct target_record *record, const char *path,
                         const unsigned char md5[MD5_SIZE], const struct stat *status);
/* That this cannot be written is no failure: the file is read again the next time. */
void target_record_add(struct target_record *record, const char *path,
                       const unsigned char md5[MD5_SIZE], const struct stat *status);

#endif
