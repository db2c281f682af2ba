/* SPDX-License-Identifier: MIT */
/*
 * Mounting and unmounting: by mount(2) where that is allowed, else by the
 * program fusermount3. Not left to libfuse, which looks at the mountpoint
 * before anybody serves it, mounts at a path instead of at what was opened,
 * and unmounts whatever lies at that path in the end.
 */
#ifndef FS_KERNEL_MOUNT_H
#define FS_KERNEL_MOUNT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where to mount (mountpoint.h). */
struct mountpoint {
    char path[PATH_MAX]; /* absolute, without links; `/dev/fd/N` as it is */
    int fd;              /* O_PATH, what is mounted on; -1: none */
    int handed;          /* a descriptor of /dev/fuse that somebody else has mounted; -1: none */
};

struct kernel_mount {
    int device;          /* of /dev/fuse; the caller hands it to libfuse, which closes it */
    char path[PATH_MAX]; /* where it was mounted; empty: not by us */
    int id;              /* in the mount table; -1: not known */
    dev_t number;        /* of the mounted filesystem; 0: not known */
};

struct kernel_mount_options {
    const char *name; /* what mount(8) shows as the source */
    const char *list; /* options of mount(8), each with a comma in front; NULL: none */
    bool read_only;
    bool allow_other;
    unsigned most_read; /* bytes of one read */
};

/* 0, or -1 with one line that fits the cause. Nobody may look at the mountpoint afterwards until
 * the device is served. */
int kernel_mount_make(struct kernel_mount *mount, const struct mountpoint *mountpoint,
                      const struct kernel_mount_options *options, char *message, size_t size);
/* Unmounts it, if it is there and is ours. Before the device is closed. */
void kernel_mount_undo(const struct kernel_mount *mount);

/* Detaches what is mounted at a path. */
void kernel_mount_detach(const char *path);

/* Is the program there that mounts for users without privilege (fusermount3)? */
bool kernel_mount_has_helper(void);

#endif
