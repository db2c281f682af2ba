/* SPDX-License-Identifier: MIT */
/*
 * Is what a request wants to see in memory and young enough (design 4)? If not,
 * which server call would bring it? All functions need nodes->lock, never wait
 * and never call out.
 */
#ifndef FS_READY_H
#define FS_READY_H

#include "await.h"

/* The object of a node: its attributes may be shown. */
enum readiness ready_object(struct request *request, struct node *node, int *error_number);
/* The same for who is going to write: as the server had it a second ago at most, nothing older. */
enum readiness ready_object_now(struct request *request, struct node *node, int *error_number);
/* The same for a reader who takes entries as they come: a listing that grows will do once its first
 * page is there, unless an older, complete one has to be shown when the next page fails. */
enum readiness ready_opening(struct request *request, struct place place, struct listing **listing,
                             int *error_number);
/* Makes a reader who is at the end of a listing that grows wait for its next page. */
void ready_wait_for_more(struct request *request, struct place place, struct listing *listing);
/* One entry by name. Known names are answered at once, however old: the kernel holds the parent's
 * lock meanwhile (what is stale is read again by the getattr or open that follows). */
enum readiness ready_entry(struct request *request, struct place place, const char *name,
                           struct node **entry, int *error_number);

/* Whether the server has no object of that name there: READY says so. *since: when that was known
 * last, 0 for never; updated. */
enum readiness ready_absence(struct request *request, struct place place, const char *name,
                             int64_t *since, int *error_number);

#endif
