/* SPDX-License-Identifier: MIT */
/* The server's word on one file: by version, or by the artifact alone (protocol 8.1). */
#ifndef CLIENT_FILE_LOOKUP_H
#define CLIENT_FILE_LOOKUP_H

#include "content.h"
#include "manifest_fetch.h"

#include <jansson.h>

/* Ways to an artifact's files, the later ones for older servers. */
enum file_route {
    ROUTE_MEMBERSHIP, /* as a member of a collection: registry rights suffice */
    ROUTE_ARTIFACT,   /* by the artifact's id */
    ROUTE_MANIFEST,   /* the manifest names them, the W&B host serves them */
};

/* The best way that the server is known to have. */
enum file_route file_route_first(struct client *client);
/* After a failure: the next way if another one may help, remembered when the server does not know
 * this one; the error is cleared then. False: there is none, the error stands, or what an earlier
 * way was refused with: `refusal`, zeros at first. */
bool file_route_next(struct client *client, enum file_route *route, struct error *error,
                     struct error *refusal);

/* Variables that name a membership; NULL: no memory. */
json_t *file_membership_variables(const struct version *version);
/* The files connection of an answer; NULL with ERROR_NOT_FOUND when there is none. */
const json_t *file_connection(const json_t *data, enum file_route route,
                              const struct version *version, struct error *error);

/* What an answer for a page of files says of the manifest. */
struct manifest_hint file_manifest_hint(const json_t *data, enum file_route route,
                                        const struct version *version);

/* A file of any artifact, stored or a reference; *file NULL: the server names none of that path.
 * `version` is what reports speak of. */
int file_lookup(struct client *client, struct call *call, const struct version *version,
                struct text artifact, enum file_route route, struct text path,
                struct artifact_file **file);

#endif
