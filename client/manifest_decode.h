/* SPDX-License-Identifier: MIT */
/* What a manifest says (protocol 8.2), out of its text. */
#ifndef CLIENT_MANIFEST_DECODE_H
#define CLIENT_MANIFEST_DECODE_H

#include "base/buf.h"
#include "content.h"
#include "manifest.h"

/* Fills in layout, region, files and has_digest; `digest` is the artifact's. The text is changed.
 * The text and what is made of it take at most `memory` bytes. -1: ERROR_SERVER, ERROR_LOCAL. */
int manifest_decode(struct client *client, const struct version *version, struct buf *text,
                    size_t memory, struct text digest, struct manifest *manifest,
                    struct error *error);

/* The digest that an artifact with these entries has; they are added in bytewise order of their
 * paths. */
struct manifest_hash {
    struct md5 *md5;
    bool well;
};
bool manifest_hash_begin(struct manifest_hash *hash);
bool manifest_hash_add(struct manifest_hash *hash, struct text path, struct text digest);
/* Ends it. Whether it is the digest that was expected, 32 hexadecimal digits. */
bool manifest_hash_fits(struct manifest_hash *hash, struct text expected);

#endif
