/* SPDX-License-Identifier: MIT */
/*
 * An open file: an attribute for reading (the text as it was when it was
 * opened), an attribute for writing (a draft, save.h), a file in memory
 * (local.h), or a file of an artifact (read_content.h). Writing is in write.h.
 */
#ifndef FS_FILES_H
#define FS_FILES_H

#include "edit/save.h"
#include "tree/local.h"
#include "wait/request.h"

#include <stdatomic.h>

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

/* Bodies of requests (request.h). */
bool open_body(struct request *request);
bool create_body(struct request *request);
bool read_body(struct request *request);

struct open_file *file_handle(const struct request *request);
/* Gives up what an open file holds, and frees it. */
void open_file_close(struct filesystem *fs, struct open_file *open);
/* The same for all that are open when the mount ends before they are closed. */
void open_file_close_all(struct filesystem *fs);
/* Whether a handle is open whose pages the kernel keeps, of another text than the place shows now.
 * Pages and size are the inode's: who opens it meanwhile must not use them. Needs nodes->lock. */
bool open_file_mixes(struct filesystem *fs, struct place place);
/* A handle sees the size of its own text: of what it has written, or of what it reads from open to
 * close. Whether that differs from what the place shows. Needs nodes->lock. */
bool open_file_show_size(const struct request *request, struct stat *attributes);
/* The draft of the handle: also of one whose file was renamed over an attribute. NULL: it has none.
 * Needs nodes->lock. */
struct draft *open_file_draft(struct filesystem *fs, struct open_file *open);

#endif
