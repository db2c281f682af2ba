/* SPDX-License-Identifier: MIT */
/*
 * The text that one open handle is writing, and when it is to be saved (design
 * 3). Pure: knows no server, no kernel, no lock.
 */
#ifndef FS_EDIT_H
#define FS_EDIT_H

#include "base/buf.h"

#include <stdint.h>

enum commit_point {
    COMMIT_LINE, /* in write, as soon as a fresh handle holds a line: `echo x >` sees a refusal */
    COMMIT_TEXT, /* at fsync and flush: programs write long texts in pieces */
};

struct edit {
    struct buf text;
    enum commit_point commit;
    bool fresh;             /* it began empty: all that is there was written through this handle */
    bool append;            /* O_APPEND: every write goes to the end */
    bool dirty;             /* there is something to save */
    bool wrote;             /* of that, data was written */
    bool truncated;         /* of that, by ftruncate and not by open */
    bool holed;             /* zeros were put in that a later write may fill */
    uint64_t flushed_by;    /* since open emptied it; 0: by nobody */
    size_t scanned;         /* so much of the text was found to be UTF-8 */
    uint64_t changes, sent; /* of the text so far; and that the save which is under way knows of */
    size_t sent_size;       /* of the text, then */
    size_t appended_from;   /* with O_APPEND: from here on it is this handle's own */
    int failure;            /* errno of a failed write or save; it sticks to the handle */
};

/* A handle on a text, emptied by open (`fresh`) or not. False: no memory. */
bool edit_init(struct edit *edit, enum commit_point commit, size_t ceiling, const char *text,
               size_t size, bool fresh, bool append);
void edit_release(struct edit *edit);

/* 0, or the errno, which then sticks. */
int edit_write(struct edit *edit, const void *data, size_t size, size_t offset);
int edit_resize(struct edit *edit, size_t size);

/* Whether zeros are left that a later write may fill. */
bool edit_has_hole(const struct edit *edit);
/* Whether what was written can never be a text: no UTF-8, or NUL. Only where all of it is known. */
bool edit_is_no_text(struct edit *edit);

/* When a save is due. Shells flush before they write anything: a text emptied by open is not saved
 * at the first flush, nor at those of the processes that end while the shell has it open. `closer`
 * tells who flushes, not 0. */
bool edit_due_after_write(const struct edit *edit);
bool edit_due_at_fsync(const struct edit *edit);
bool edit_due_at_flush(struct edit *edit, uint64_t closer);
bool edit_due_at_release(const struct edit *edit);
/* Whether the old text was taken away and nothing was written. */
bool edit_is_emptied(const struct edit *edit);

/* An outcome is that of what was there at edit_send(): what was written since is to be saved yet.
 */
void edit_send(struct edit *edit);
void edit_saved(struct edit *edit);
void edit_failed(struct edit *edit, int error_number);
/* Whether something was written that the save under way does not know of. */
bool edit_has_more(const struct edit *edit);
/* There is nothing to save. */
void edit_clean(struct edit *edit);

/* Another handle has saved this text meanwhile. Who has written nothing goes on from it, who
 * appends puts his own behind it; a whole text that was written here stays as it is. False: no
 * memory. */
bool edit_follow(struct edit *edit, const char *text, size_t size);
/* A write is to come behind the end: what another handle has saved stands in between, unless this
 * one has cut the text since. */
void edit_fill(struct edit *edit, const char *text, size_t size, size_t offset);

#endif
