/* SPDX-License-Identifier: MIT */
/*
 * The caller-owned error of a call. The first failure wins; callers on the way
 * up may put context in front of its message. Never holds a credential.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "banned.h"

#include <stdbool.h>

/* What went wrong, in the terms of design section 5; the filesystem maps each kind to one errno. */
enum error_kind {
    ERROR_NONE,
    ERROR_NOT_FOUND,       /* not there, or hidden from the caller */
    ERROR_UNAUTHENTICATED, /* 401, viewer null, no usable credentials */
    ERROR_FORBIDDEN,       /* 403, permission texts */
    ERROR_INVALID,         /* a value of the user's is refused, by us or by the server */
    ERROR_NOT_PERMITTED,   /* a change the rules never allow */
    ERROR_NAME_TOO_LONG,
    ERROR_EXISTS,
    ERROR_NOT_EMPTY,
    ERROR_STALE,     /* somebody else changed it meanwhile */
    ERROR_TOO_LARGE, /* 413, or over a limit of ours */
    ERROR_BUSY,      /* 429 until the deadline */
    ERROR_SERVER,    /* 5xx, unreadable or contradictory answers, our query refused */
    ERROR_TIMEOUT,
    ERROR_UNREACHABLE, /* DNS, refused, no route, TLS */
    ERROR_INTERRUPTED, /* cancelled by the caller */
    ERROR_REMOTE,      /* a reference that is not fetched */
    ERROR_LOCAL,       /* this machine: memory, disk, unreadable file */
};

struct error {
    enum error_kind kind;
    int status;         /* HTTP status that led here, 0 when none */
    bool maybe_applied; /* a mutation was sent and its answer was lost, or holds data and errors */
    bool refused;       /* the server answered with errors in words: it failed (protocol 2.2) */
    bool invalid_query; /* GraphQL validation refused the document: the server is older than it */
    char
        message[512]; /* one line without line breaks; the server's own words where there are any */
};

/* Sets kind and message unless an error is set already. Always returns -1, so `return
 * error_set(…)`. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message. Always returns -1. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

void error_clear(struct error *error);

#endif
