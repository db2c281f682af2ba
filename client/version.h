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

/* Which version was asked for. Borrowed. */
struct version_question {
    const struct organization *organization; /* whose registry it is */
    const struct registry *registry;
    struct text collection, alias;
};

/* Reads the membership node that answers it, and its files where `files` is not NULL.
 * ERROR_NOT_FOUND: there is none, or it is another version. */
int version_read_answer(struct client *client, const struct version_question *question,
                        const json_t *node, struct error *error, struct version **version,
                        struct object_list *files);

#endif
