/* SPDX-License-Identifier: MIT */
/*
 * THE table of what an object's directory holds: attribute files with the
 * function that renders each, and fixed subdirectories (design 2). A new
 * attribute is a new row; nothing else knows attribute names.
 */
#ifndef FS_MEMBER_H
#define FS_MEMBER_H

#include "base/buf.h"
#include "row.h"

/* The rows of a kind, in listing order; *count may be 0. */
const struct member *members_of(enum node_kind kind, size_t *count);
/* NULL when the kind has no such member. */
const struct member *member_by_name(enum node_kind kind, const char *name);
const struct member *member_by_id(enum node_kind kind, uint8_t id);

/* The row of a place that is a file with a text; NULL: it is none. */
const struct member *member_of(struct place place);

/* Appends a text with U+FFFD for what no encoding can say. False: no memory. */
bool member_append_shown(struct buf *text, struct text value);

/* Whether the object holds the member's text as it is shown: then nothing needs to be made. */
bool member_shares_text(const struct member *member, const void *object, struct text *text);

/* The size of a member's text that is too dear to be made for it; -1: make it. */
off_t member_known_size(const struct member *member, const void *object);

/* created_at and updated_at of a node's object; both null for kinds without dates. */
void member_dates(enum node_kind kind, const void *object, struct text *created,
                  struct text *updated);

#endif
