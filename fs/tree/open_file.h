/* SPDX-License-Identifier: MIT */
/* What is kept of an open file (answer/files.h), and what others see of it. */
#ifndef FS_OPEN_FILE_H
#define FS_OPEN_FILE_H

#include "base/buf.h"
#include "inode/filesystem.h"

#include <stdatomic.h>

struct draft;
struct member;
struct origin;
struct passed_inode;
struct remote_reader;

struct open_file {
    struct buf text;             /* of an attribute; made when it is first read */
    void *object;                /* a reference: what the attribute is of; NULL: the text is made */
    const struct member *member; /* which attribute it is of the object */
    struct place place;          /* where that is: held; node NULL: no such attribute */
    bool cached;                 /* the kernel keeps pages of its text; under nodes->lock */
    struct draft *draft;         /* a reference; under nodes->lock */
    struct node *local;          /* held, and counted as opened; under nodes->lock */
    struct remote_reader *reader; /* of an artifact's file; immutable after open */
    struct passed_inode *way;     /* how the content is read; immutable after open */
    atomic_llong gave_up;  /* clock_nanoseconds() when a read of content last took too long */
    struct origin *origin; /* while it is being opened */
    bool append;
    bool failed;  /* a write to `local` did not fit; under nodes->lock */
    bool writes;  /* it was opened for writing; immutable */
    bool changes; /* it has, or had, a draft or a local file; immutable after open */
    struct open_file *next, **link_to_this; /* fs->open_files, under nodes->lock */
};

/* Whether a handle is open whose pages the kernel keeps, of another text than the place shows now.
 * Pages and size are the inode's: who opens it meanwhile must not use them. Needs nodes->lock. */
bool open_file_mixes(struct filesystem *fs, struct place place);
/* Makes the text of an attribute as of when it was opened. Needs nodes->lock. False: no memory. */
bool open_file_text(struct filesystem *fs, struct open_file *open);

#endif
