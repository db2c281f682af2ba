/* SPDX-License-Identifier: MIT */
/*
 * Access tokens for an identity token (protocol 1.5): the exchange at the server
 * and the credentials file that the official client keeps them in.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include "base/cleanup.h"
#include "call.h"

struct identity_token {
    char *text;         /* owned, wiped */
    int64_t expires_at; /* CLOCK_REALTIME seconds */
    int64_t renew_at;   /* the same clock; before it expires */
};

void identity_token_release(struct identity_token *token);
#define cleanup_identity_token cleanup(identity_token_release)

/* Whether the identity token file can be read. */
int identity_check(struct client *client, struct error *error);

/* A token from the credentials file, if `use_cache`, else from the server; the latter goes into
 * the file. Blocks within the call's limits; ERROR_UNAUTHENTICATED when the server refuses. */
int identity_fetch(struct client *client, struct call *call, bool use_cache,
                   struct identity_token *token);

/* The pure parts. `now` is in CLOCK_REALTIME seconds. */

/* The server's answer to the exchange. */
int identity_parse_answer(const char *json, size_t size, int64_t now, struct identity_token *token,
                          struct error *error);
/* The file's token for a base URL, unless there is none that lives long enough. */
bool identity_cache_find(const char *json, size_t size, const char *base_url, int64_t now,
                         struct identity_token *token);
/* The file's new text with the token in it and the other entries as they are; what is not JSON is
 * replaced. malloc'ed, to be wiped; NULL: no memory. */
char *identity_cache_update(const char *json, size_t size, const char *base_url,
                            const struct identity_token *token);

#endif
