/* SPDX-License-Identifier: MIT */
/* What a client goes by, for people who look for what is wrong. Each appends a line without its end
 * and without any secret, and asks nobody. False: no memory, or over the buffer's ceiling. */
#ifndef CLIENT_DESCRIBE_H
#define CLIENT_DESCRIBE_H

#include "base/buf.h"
#include "client.h"

/* Where the key or the identity token was found. */
bool client_describe_credentials(struct client *client, struct buf *text);
/* Which proxy the W&B host is asked through. */
bool client_describe_proxy(const struct client *client, struct buf *text);
/* Which certificates are trusted. */
bool client_describe_certificates(const struct client *client, struct buf *text);
/* Whether a server's certificate is taken as it comes. */
bool client_ignores_certificates(const struct client *client);

#endif
