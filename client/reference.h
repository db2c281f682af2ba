/* SPDX-License-Identifier: MIT */
/* References to files of other versions (protocol 8.5). */
#ifndef CLIENT_REFERENCE_H
#define CLIENT_REFERENCE_H

#include "content.h"

/* Where a reference leads in the end. Owned; start with zeros. */
struct reference_target {
    char *artifact;             /* id */
    struct artifact_file *file; /* a reference; stored bytes */
};
void reference_target_release(struct reference_target *target);

/* Follows the reference and those it leads to. ERROR_REMOTE: it ends outside of W&B; ERROR_SERVER:
 * it cannot be read, or goes round in circles; ERROR_NOT_FOUND. `version` is what reports speak of.
 */
int reference_resolve(struct client *client, struct call *call, const struct version *version,
                      struct text reference, struct reference_target *target);

#endif
