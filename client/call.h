/* SPDX-License-Identifier: MIT */
/* The limits of one call to the server and how it failed. */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

struct client;

/* What a call is for: of one kind that gets no answer nothing follows for the others. */
enum call_kind { CALL_OTHER, CALL_LOOKUP, CALL_LISTING, CALL_OPENING, CALL_CHANGE, CALL_KINDS };

/* Owned by the caller, for one call at a time. */
struct call {
    enum call_kind kind;
    const atomic_bool *cancelled; /* polled while waiting; NULL: cannot be cancelled */
    int64_t deadline;             /* clock_milliseconds(); 0: the client's timeout from now */
    struct error *error;
};

#endif
