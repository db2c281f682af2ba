/* SPDX-License-Identifier: MIT */
/* Reads versions wherever they stand in an answer (protocol 5.8). */
#ifndef CLIENT_VERSION_H
#define CLIENT_VERSION_H

#include "client.h"

#include <jansson.h>

/* Reads an ArtifactCollectionMembership node. 0 with *version NULL: not shown, passed over.
 * `operation` is for reports. */
int version_decode(struct client *client, const struct organization *organization,
                   const json_t *node, const char *operation, struct error *error,
                   struct version **version);

#endif
