/* SPDX-License-Identifier: MIT */
/* What a client goes by, for people who look for what is wrong. Each appends a line without its end
 * and without any secret, and asks nobody. False: no memory. */
#ifndef CLIENT_DESCRIBE_H
#define CLIENT_DESCRIBE_H

#include "base/buf.h"
#include "client.h"

/* Where the credentials were found. */
bool client_describe_credentials(const struct client *client, struct buf *text);
/* Which proxy the W&B host is asked through. */
bool client_describe_proxy(const struct client *client, struct buf *text);
/* Which certificates are trusted. */
bool client_describe_certificates(const struct client *client, struct buf *text);

#endif
