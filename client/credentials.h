/* SPDX-License-Identifier: MIT */
/*
 * The key or identity token of the client and where it comes from (protocol 1.2,
 * 1.3, 1.5). Any thread; the lock is a leaf and never held during I/O.
 */
#ifndef CLIENT_CREDENTIALS_H
#define CLIENT_CREDENTIALS_H

#include "authorization.h"
#include "base/buf.h"

struct credentials;

/* NULL: no memory. */
struct credentials *credentials_new(void);
void credentials_free(struct credentials *credentials);

/* Finds the key, or the identity token file (no token is fetched yet). */
int credentials_load(struct client *client, struct error *error);
/* The same for a client that is in use: the old ones are kept if that fails, and what was told to
 * them is forgotten. */
int credentials_reload(struct client *client, struct error *error);

/* Appends in words where the key or the identity token was found. False: no memory. */
bool credentials_describe(struct credentials *credentials, struct buf *text);

/* Of the client's credentials. A key file that was replaced is read again first, as secrets of
 * containers are. */
extern const struct authorizer credentials_authorizer;

#endif
