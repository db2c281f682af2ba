/* SPDX-License-Identifier: MIT */
/*
 * The kernel's mount table (/proc/self/mountinfo), and paths as it sees them.
 * Nothing here looks into a registryfs mount: one that hangs must hang nobody
 * who only asks what lies where.
 */
#ifndef FS_MOUNT_TABLE_H
#define FS_MOUNT_TABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mount_entry {
    int id;
    int parent; /* the id of the mount that it lies on */
    dev_t device;
    uid_t owner;     /* who mounted, of a FUSE mount */
    bool registryfs; /* a mount of this program */
    char *place;     /* where it is mounted */
    char *type;
};

struct mount_table {
    struct mount_entry *entries;
    size_t count;
};

/* False: it cannot be read, or no memory. */
bool mount_table_read(struct mount_table *table);
void mount_table_release(struct mount_table *table);
#define cleanup_mount_table cleanup(mount_table_release)

/* The mount that an absolute, resolved path lies in; what is covered by another mount is not seen.
 * NULL: one that the table does not show, as in a chroot. */
const struct mount_entry *mount_table_at(const struct mount_table *table, const char *path);

struct mount_place {
    char path[PATH_MAX];             /* absolute, without links and dots */
    const struct mount_entry *mount; /* that it lies in; as mount_table_at() */
    bool shared_link; /* its last component is a link in a directory that others can write */
};

/* Resolves a path as the kernel does, up to where a registryfs mount begins: what is inside is
 * taken word by word. False with errno: it is not there. */
bool mount_table_resolve(const struct mount_table *table, const char *path,
                         struct mount_place *found);

/* Whether a FUSE mount's process has ended. Asks the mount itself, in a process of its own, and
 * waits for at most three seconds: one that says nothing is alive. */
bool mount_is_dead(const char *place);

#endif
