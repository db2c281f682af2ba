/* SPDX-License-Identifier: MIT */
/*
 * What is known of the editing in one registry's directory: attributes that are
 * hidden for a moment, what a failed save said, which change is under way.
 * Made when first needed, then kept as long as the mount. Everything needs
 * nodes->lock.
 */
#ifndef FS_ROOM_H
#define FS_ROOM_H

#include "inode/filesystem.h"
#include "row.h"

#include <sys/stat.h>

struct change;

/* One editable attribute. */
struct attribute {
    struct attribute *next;
    uint8_t member;
    unsigned writers;     /* open handles that write it */
    int64_t edited;       /* clock_nanoseconds() when somebody last closed or saved it */
    int64_t hidden_until; /* clock_nanoseconds(): its name looks absent until then */
    char *error;          /* owned: what the server said to the last save; NULL: it was good */
    void *saved;          /* a reference: as this mount has last saved it; NULL: never */
    unsigned saved_at;    /* the room's `saves` then */
    /* After a scratch file was renamed over it, it looks like that file while its text is the
     * same. */
    bool disguised;
    uint64_t inode_number;
    struct timespec modified;
    uint64_t text_hash;
};

struct room {
    struct attribute *attributes;
    unsigned saves;         /* that this mount has made */
    struct change *running; /* a reference: the change that later ones wait for; NULL: none */
};

/* NULL: no memory. */
struct room *room_of(struct filesystem *fs, struct node *registry);
struct attribute *room_attribute(struct filesystem *fs, struct place place);
/* NULL: nothing is known, nothing is special. */
struct room *room_find(const struct node *node);
struct attribute *room_find_attribute(struct place place);

/* What this mount has saved counts as seen by all who edit it here: what a text was made from that
 * was begun with `base`, when the room had seen `saves`. */
const void *room_base(struct place place, const void *base, unsigned saves);
unsigned room_saves(const struct node *registry);
/* This mount has saved the attribute, and that is what came of it. */
void room_note_save(struct filesystem *fs, struct place place, const void *saved);

/* Somebody opens it for writing, or closes it. */
void room_add_writer(struct filesystem *fs, struct place place);
void room_remove_writer(struct place place);
/* Whether somebody writes it, or has just done so. */
bool room_is_edited(struct place place);

/* After unlink and rename away: the name looks absent for a moment, then is back unchanged. */
bool room_hide(struct filesystem *fs, struct place place);
void room_unhide(struct place place);
bool room_hides(struct place place);

/* Makes the attribute look like the file that was renamed over it. `text` is what it shows now. */
void room_disguise(struct filesystem *fs, struct place place, const struct stat *as,
                   const struct buf *text);
void room_undisguise(struct place place);
/* Inode number and times of an attribute whose text is `text`. */
void room_adjust_stat(struct place place, const struct buf *text, struct stat *out);

#endif
