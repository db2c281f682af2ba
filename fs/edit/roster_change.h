/* SPDX-License-Identifier: MIT */
/*
 * Adding and removing members by their files' names (design 3, protocol 5.9). No recursive deleter
 * removes a member: who opened a directory at or above it, or has removed anything else, is refused
 * for ten seconds (callers.h). Everything needs nodes->lock.
 */
#ifndef FS_ROSTER_CHANGE_H
#define FS_ROSTER_CHANGE_H

#include "change.h"
#include "wait/callers.h"

/* Whether programs give such names to files of their own on their way to writing another one.
 * `exclusive`: the file is made with O_EXCL, as that of a temporary name is. */
bool roster_is_temporary(const char *name, bool exclusive);

/* The file of somebody who is yet to be added; the request has its name. WAITING while the server
 * is asked who that is. */
enum readiness roster_begin(struct request *request, struct place roster, struct node **file,
                            int *error_number);
enum readiness roster_unlink(struct request *request, struct place roster, struct caller caller,
                             int *error_number);

/* Whether whoever opens the place may be on the way to removing what is below it. */
bool roster_notes_opener(struct place place);
/* Notes the opener. */
void roster_note_opener(struct place place, struct caller caller);

#endif
