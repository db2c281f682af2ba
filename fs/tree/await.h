/* SPDX-License-Identifier: MIT */
/* Makes a request wait for a call of the server, or lets it do with what is there. All need
 * nodes->lock and never wait. */
#ifndef FS_AWAIT_H
#define FS_AWAIT_H

#include "inode/listing.h"
#include "inode/node.h"
#include "wait/request.h"

enum readiness {
    READY,   /* answer now */
    WAITING, /* request->need says what for: return false from the body */
    FAILED,  /* reply with *error_number */
};

/* What to do about something in `place` that is not fresh; `have`: an old one could be shown;
 * `kind`: of the call that would bring a new one. */
enum readiness await_or_have(struct request *request, struct place place, bool have,
                             enum call_kind kind, int *error_number);
/* What is known in `place` is not fresh: makes the request wait for the call that brings it anew,
 * unless what it has (`have`) may be shown meanwhile. */
enum readiness await_call(struct request *request, struct place place, bool have,
                          const struct fetch_type *type, int *error_number);
/* Makes the request wait for a call about a place, with the short deadline of who holds the
 * parent's lock. */
void await_place(struct request *request, const struct fetch_type *type, struct place place);
/* The same without one, or about the entry of that name; empty: about the place. */
void await_entry(struct request *request, const struct fetch_type *type, struct place place,
                 const char *name);

/* How long who holds the parent's lock may wait. */
enum { LOOKUP_SECONDS = 5 };

#endif
