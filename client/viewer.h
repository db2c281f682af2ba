/* SPDX-License-Identifier: MIT */
/* The members `viewer` and `serverInfo` of an answer (protocol 3.1, 5.6). */
#ifndef CLIENT_VIEWER_H
#define CLIENT_VIEWER_H

#include "client.h"

#include <jansson.h>

/* Reads who the key belongs to, and takes over what the server offers. ERROR_UNAUTHENTICATED: the
 * viewer is null. */
int viewer_take(struct client *client, const json_t *data, struct error *error,
                struct viewer **viewer);

#endif
