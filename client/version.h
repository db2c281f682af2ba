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

/* Copies; NULL: no memory. */
struct version *version_pack(const struct version *borrowed);

/* collection:alias, as newer servers take a version's name; NULL: no memory. */
json_t *version_joined_name(struct text collection, struct text alias);

/* Whether an answer is the version that was asked for: a form like v3 must be its number, whatever
 * alias of that form somebody gave to another one. */
bool version_is_asked_for(const struct version *version, const struct registry *registry,
                          struct text collection, struct text alias);

#endif
