/* SPDX-License-Identifier: MIT */
/* Which of the files that a server lists are stored and which are references: what the manifest
 * says (protocol 8.1). */
#ifndef CLIENT_FILE_SETTLE_H
#define CLIENT_FILE_SETTLE_H

#include "content.h"
#include "manifest_fetch.h"

/* Replaces a node, of which the caller has a reference, by what the manifest says of it; NULL: the
 * manifest does not name it. Without a manifest what is not known to be stored becomes a reference.
 * -1: no memory, *file is NULL. */
int file_settle(const struct manifest *manifest, struct artifact_file **file, struct error *error);

/* Whether the files are all that an artifact of this digest has, and all stored. Orders them. */
bool files_are_whole(struct object_list *files, struct text digest);

/* Makes of the settled files that the server listed what the manifest says, ordered by path. What
 * the manifest does not name is left out and reported. -1: no memory. */
int files_join(struct client *client, const struct version *version,
               const struct manifest *manifest, struct object_list *files, struct error *error);

#endif
