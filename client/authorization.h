/* SPDX-License-Identifier: MIT */
/* The Authorization header of requests (protocol 1.2). Secrets are wiped before their memory is
 * freed. Any thread. */
#ifndef CLIENT_AUTHORIZATION_H
#define CLIENT_AUTHORIZATION_H

#include "call.h"

#include <stddef.h>

/* Shared by the requests that carry it. Immutable. */
struct authorization {
    atomic_uint references;
    const char *secret; /* the key or token alone, behind the header */
    char header[];      /* "Authorization: Basic …" */
};

void authorization_unref(struct authorization *authorization);

/* With one reference, for the API key or for an access token; NULL: no memory. */
struct authorization *authorization_of_key(const char *key);
struct authorization *authorization_of_token(const char *token);
struct authorization *authorization_ref(struct authorization *authorization);

/* Who says what a client's requests carry. */
struct authorizer {
    /* One reference of what to send. May fetch a token: blocks within the call's limits. */
    int (*get)(struct client *client, struct call *call, struct authorization **found);
    /* After a 401 for `refused`: reads the source again. True: there is something else to try. */
    bool (*changed)(struct client *client, struct call *call, const struct authorization *refused);
};

/* What to do about a missing key, for the end of a message. */
#define WHERE_TO_PUT_A_KEY                                                                         \
    "set WANDB_API_KEY, put the key into ~/.netrc, or name a file with it by --api-key-file"

/* ERROR_UNAUTHENTICATED when the key is empty or holds blanks or control characters. */
int api_key_check(const char *key, size_t size, const char *source, struct error *error);

#endif
