/* SPDX-License-Identifier: MIT */
/*
 * Is what a request wants to see in memory and young enough (design 4)? If not,
 * which server call would bring it? All functions need nodes->lock, never wait
 * and never call out.
 */
#ifndef FS_READY_H
#define FS_READY_H

#include "inode/listing.h"
#include "inode/node.h"
#include "wait/request.h"

enum readiness {
    READY,   /* answer now */
    WAITING, /* request->need says what for: return false from the body */
    FAILED,  /* reply with *error_number */
};

/* The object of a node: its attributes may be shown. */
enum readiness ready_object(struct request *request, struct node *node, int *error_number);
/* The same for who is going to write: as the server had it a second ago at most, nothing older. */
enum readiness ready_object_now(struct request *request, struct node *node, int *error_number);
/* All entries of a directory. *listing is borrowed: take a reference before unlocking. */
enum readiness ready_listing(struct request *request, struct place place, struct listing **listing,
                             int *error_number);
/* The same for a reader who takes entries as they come: a listing that grows will do once its first
 * page is there, unless an older, complete one has to be shown when the next page fails. */
enum readiness ready_opening(struct request *request, struct place place, struct listing **listing,
                             int *error_number);
/* Makes a reader who is at the end of a listing that grows wait for its next page. */
void ready_wait_for_more(struct request *request, struct place place, struct listing *listing);
/* The listing of the place that is on its way, or a new one, with a reference; NULL: no memory. */
struct listing *ready_growing(struct filesystem *fs, const struct request *request,
                              struct place place);
/* One entry by name. Known names are answered at once, however old: the kernel holds the parent's
 * lock meanwhile (what is stale is read again by the getattr or open that follows). */
enum readiness ready_entry(struct request *request, struct place place, const char *name,
                           struct node **entry, int *error_number);

/* One entry as far as it is in memory, however old. NULL: it is not. */
struct node *ready_known_entry(struct filesystem *fs, struct place place, const char *name);
/* Notes that the server, asked for one entry at `gone`, did not have it (0: it has): listings from
 * before then bring it back no more. */
void ready_note_entry(struct filesystem *fs, struct place place, const char *name, int64_t gone);
/* Whether the server has no object of that name there: READY says so. *since: when that was known
 * last, 0 for never; updated. */
enum readiness ready_absence(struct request *request, struct place place, const char *name,
                             int64_t *since, int *error_number);
/* What is known in `place` is not fresh: makes the request wait for the call that brings it anew,
 * unless what it has (`have`) may be shown meanwhile. */
enum readiness ready_by_call(struct request *request, struct place place, bool have,
                             const struct fetch_type *type, int *error_number);
/* Whether something read at `fetched` in directory `member` of `node` was forgotten since. */
bool ready_is_forgotten(const struct node *node, uint8_t member, int64_t fetched);

/* Makes the request wait for a call about a place. */
void ready_wait_for(struct request *request, const struct fetch_type *type, struct place place);

/* Whether a listing that is fresh by the time limit alone has arrived since then. One that was
 * there before is not what somebody waits for: only a part of it may have been forgotten. */
bool ready_listing_came(struct filesystem *fs, struct place place, int64_t since);

/* How old what is shown may be, in nanoseconds (`--ttl`). Takes no lock. */
int64_t ready_time_to_live(const struct filesystem *fs);
/* Seconds for which the kernel may keep a node's name and attributes; 0: ask again. */
double ready_seconds_left(struct filesystem *fs, const struct node *node);

/* Whether a listing of the place would be news; then *need asks for all of it, for fetch_start. */
bool ready_to_read_ahead(struct filesystem *fs, struct place place, struct need *need);

#endif
