/* SPDX-License-Identifier: MIT */
/*
 * Saving the text of a registry's attribute (design 3): what an open file has
 * written, or a file that is renamed over it. Everything needs nodes->lock.
 */
#ifndef FS_SAVE_H
#define FS_SAVE_H

#include "change.h"
#include "text/edit.h"
#include "tree/local.h"
#include "tree/open_file.h"

/* An attribute that is open for writing. Others see the committed text until it is saved. */
struct draft {
    unsigned references;
    struct place place; /* held */
    const struct member *member;
    void *base;            /* a reference: what was there when it was opened */
    unsigned base_saves;   /* of this mount that the registry had seen then (room.h) */
    int64_t touched;       /* clock_nanoseconds(): when its text was last changed by its handle */
    struct change *change; /* the save that is under way, borrowed; NULL: none */
    struct edit edit;
};

/* One reference. `moved`: the scratch file that was renamed over the attribute before it was
 * written again; NULL: it begins with what the attribute shows. NULL: no memory. */
struct draft *draft_new(struct filesystem *fs, struct place place, const struct local *moved,
                        bool fresh, bool append);
void draft_drop(struct filesystem *fs, struct draft *draft);

/* The draft of the handle: also of one whose file was renamed over an attribute. NULL: it has none.
 * Needs nodes->lock. */
struct draft *open_file_draft(struct filesystem *fs, struct open_file *open);
/* The handle has no file in memory open any more. Needs nodes->lock. */
void open_file_drop_local(struct filesystem *fs, struct open_file *open);

/* 0, or the errno, which then sticks to the handle. */
int draft_write(struct filesystem *fs, struct draft *draft, const void *data, size_t size,
                size_t offset);
int draft_resize(struct draft *draft, size_t size);
/* As a truncation by path does it to a file that others have open: their next save sends it. False:
 * nobody writes there, and nothing was done. */
bool drafts_resize(struct filesystem *fs, struct place place, size_t size);
/* Saves what the handle has written, if `due`, and waits for it. FAILED: *error_number is what
 * sticks to the handle. */
enum readiness draft_save(struct request *request, struct draft *draft, bool due,
                          int *error_number);
/* At close: a value that was only taken away is back, where there must be one (design 3). */
void draft_revert_emptied(struct draft *draft);
/* At the end of a handle: what was written after its last save is kept in unsaved/. Closing saves
 * first, so this is what came through a mapping that outlived the last close, or a handle that was
 * open when the mount ended. */
void draft_keep_rest(struct filesystem *fs, struct draft *draft);
/* Whether the beginning that was written can never become a legal value. */
bool draft_is_hopeless(struct draft *draft);

/* Saves the text of `source`, a name of a scratch file or NULL (an empty text), as that of the
 * attribute. For requests that have no handle; runs its body again until it is done. */
enum readiness save_text(struct request *request, struct place place, struct node *source,
                         int *error_number);

/* The scratch file is the attribute from now on, made from `base`, in place of its `name`; so is
 * who has it open, unless it has other names. */
void save_become(struct filesystem *fs, struct node *file, const char *name, struct place place,
                 const void *base);

#endif
