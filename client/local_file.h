/* SPDX-License-Identifier: MIT */
/* Small files of this machine that hold settings and secrets. Blocks on the local disk. */
#ifndef CLIENT_LOCAL_FILE_H
#define CLIENT_LOCAL_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <sys/stat.h>

/* The path with a leading "~" replaced by the home directory ($HOME, else the passwd entry);
 * malloc'ed; NULL: no home directory or no memory. */
char *path_expand_home(const char *path);

enum local_file {
    LOCAL_FILE_READ,
    LOCAL_FILE_ABSENT,
    LOCAL_FILE_FAILED,
    LOCAL_FILE_UNTRUSTED, /* somebody else may have written it */
};

/* Reads a whole file, which may be a pipe. More than the buffer's ceiling is a failure. The buffer
 * leaves no copies of the content elsewhere in memory: release it with secret_release(). */
enum local_file local_file_read(const char *path, struct buf *content, struct error *error);

/* The same, if nobody but us and root can have written it: it is ours or root's, and neither
 * writable for the world nor for a group that is not its owner's alone (umask 002 with private
 * groups is normal). Else LOCAL_FILE_UNTRUSTED and what is wrong. */
enum local_file local_file_read_trusted(const char *path, struct buf *content, struct error *error);

/* What tells a regular file from the one that was there before; all zero for anything else. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

struct file_stamp local_file_stamp(const char *path);
bool file_stamp_equal(const struct file_stamp *one, const struct file_stamp *other);

/* Replaces a file, mode 0600, old or new content at any time; makes the missing last directory of
 * its path. */
int local_file_replace(const char *path, const char *bytes, size_t size, struct error *error);

/* Wipes, then releases. */
void secret_release(struct buf *buf);
void secret_free(char *secret);
static inline void secret_free_pointer(char **secret)
{
    secret_free(*secret);
}

#define cleanup_secret_buf cleanup(secret_release)
#define cleanup_secret     cleanup(secret_free_pointer)

#endif
