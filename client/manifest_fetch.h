/* SPDX-License-Identifier: MIT */
/* Reads the manifest of an artifact when something needs it (protocol 8.2). */
#ifndef CLIENT_MANIFEST_FETCH_H
#define CLIENT_MANIFEST_FETCH_H

#include "content.h"
#include "manifest.h"

/* What another answer said of a manifest just now; borrowed. */
struct manifest_hint {
    struct text url; /* signed; null: nothing */
    struct text digest;
};

/* The manifest of an artifact; one whose digest is not the artifact's is reported and used. Signed
 * URLs that do not work are renewed. `version` is what reports speak of; `hint` may be NULL.
 * Blocks. Whatever is not a whole manifest is an error; an artifact without one has *manifest
 * absent. */
int manifest_get(struct client *client, struct call *call, struct text artifact,
                 const struct version *version, const struct manifest_hint *hint,
                 struct manifest **manifest);

/* Borrowed; NULL: no such path. */
struct artifact_file *manifest_find(const struct manifest *manifest, struct text path);

#endif
