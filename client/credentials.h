/* SPDX-License-Identifier: MIT */
/*
 * The key or identity token of the client and where it comes from (protocol 1.2,
 * 1.3, 1.5). Secrets are wiped before their memory is freed. Any thread; the lock
 * is a leaf and never held during I/O.
 */
#ifndef CLIENT_CREDENTIALS_H
#define CLIENT_CREDENTIALS_H

#include "base/buf.h"
#include "client.h"
#include "local_file.h"

#include <pthread.h>

/* The Authorization header, shared by the requests that carry it. Immutable. */
struct authorization {
    atomic_uint references;
    const char *secret; /* the key or token alone, behind the header */
    char header[];      /* "Authorization: Basic …" */
};

void authorization_unref(struct authorization *authorization);

struct credentials {
    pthread_mutex_t lock;
    pthread_cond_t renewed;
    struct authorization *current; /* under lock; NULL before the first token */
    int64_t renew_at;              /* under lock; CLOCK_REALTIME seconds, INT64_MAX for a key */
    int64_t expires_at;            /* under lock; after that `current` is refused */
    bool renewing;                 /* under lock: one thread fetches, the others wait */
    bool identity;                 /* under lock: a token, not a key */
    bool distrust_cache;           /* under lock: the cached token was refused */
    struct file_stamp key_file;    /* under lock: of the key file that was last read */
    int64_t next_look;             /* under lock: clock_milliseconds() of the next look at it */
    char *place;                   /* owned, under lock: where the key or token was found */
};

int credentials_init(struct credentials *credentials);
void credentials_release(struct credentials *credentials);

/* Finds the key, or the identity token file (no token is fetched yet). */
int credentials_load(struct client *client, struct error *error);

/* Appends in words where the key or the identity token was found. False: no memory. */
bool credentials_describe(struct credentials *credentials, struct buf *text);

/* One reference of what to send. May fetch a token: blocks within the call's limits. A key file
 * that was replaced is read again first, as secrets of containers are. */
int credentials_get(struct client *client, struct call *call, struct authorization **found);

/* After a 401 for `refused`: reads the source again. True: there is something else to try. */
bool credentials_changed(struct client *client, struct call *call,
                         const struct authorization *refused);

/* ERROR_UNAUTHENTICATED when the key is empty or holds blanks or control characters. */
int api_key_check(const char *key, size_t size, const char *source, struct error *error);

#endif
