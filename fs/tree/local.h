/* SPDX-License-Identifier: MIT */
/*
 * Files, symlinks and directories that live in this mount's memory and never
 * reach the server: editors' scratch files and unsaved texts. Each is a node of
 * kind NODE_LOCAL. Everything needs nodes->lock.
 *
 * A file can have several names (link(2)): one is that of the file's own node,
 * each further one a node that stands for it and that the kernel never knows.
 */
#ifndef FS_LOCAL_H
#define FS_LOCAL_H

#include "base/buf.h"
#include "inode/filesystem.h"
#include "inode/listing.h"

#include <sys/stat.h>

struct local {
    mode_t mode;
    struct buf text; /* what is in the file; of a symlink: its target */
    struct timespec modified;
    int64_t used; /* clock_nanoseconds() of the last use */
    unsigned opened;
    int failure; /* errno of a write that did not fit: what is there is not all; 0: none */
    /* of a scratch file (scratch.h) */
    void *base;          /* reference: the registry as it was known when the file was made */
    unsigned base_saves; /* of this mount in it, then */
    uint8_t copy_of;     /* the attribute that it is an untouched copy of; 0: of none */
    bool unlisted;       /* can be opened by its name and is not listed */
    uint8_t became;      /* the attribute that it was renamed over, and is since then; 0: none */
    unsigned further_names;
};

/* Makes one; the table holds it until local_remove(). Nothing of that name may be there. NULL: no
 * memory. */
struct node *local_new(struct filesystem *fs, struct place directory, const char *name, mode_t mode,
                       size_t ceiling);
/* Gives the file of `node` a further name in its directory; nothing of that name may be there.
 * False: no memory. */
bool local_link(struct filesystem *fs, struct node *node, const char *name);
/* Takes the name out of its directory. Who has the file open, or by another name, keeps it. */
void local_remove(struct filesystem *fs, struct node *node);
bool local_is_further_name(const struct node *node);
/* The node of the file that has this name, most often `node` itself. */
struct node *local_file(struct node *node);
/* What is known of the file that has this name; NULL for nodes of other kinds. */
struct local *local_of(const struct node *node);
/* It was changed, or used, now. */
void local_touch(struct local *local);
void local_use(struct local *local);

/* Whether entries of the directory are local ones. */
bool local_is_directory(struct place place);
/* The local entries of a directory, by name; objects are NULL. NULL: no memory. */
struct listing *local_listing(struct place place);

void local_stat(const struct node *node, struct stat *out);

#endif
