/* SPDX-License-Identifier: MIT */
/* Files out of answers and manifests (protocol 8.1, 8.2). */
#ifndef CLIENT_FILE_DECODE_H
#define CLIENT_FILE_DECODE_H

#include "content.h"

#include <jansson.h>

/* Whether a path is relative and none of its parts is empty, "." or "..". */
bool file_path_is_clean(struct text path);

/* "entity/project/collection:vN/path" for reports. */
void file_describe(const struct version *version, struct text path, char *out, size_t size);

/* A packed copy; NULL: no memory. */
struct artifact_file *artifact_file_pack(const struct artifact_file *borrowed);

/* Reads one File node. 0 with *file NULL: passed over and reported. */
int file_decode(struct client *client, const struct version *version, const json_t *node,
                struct error *error, struct artifact_file **file);

/* Reads one entry of a manifest's contents, likewise. */
int file_decode_entry(struct client *client, const struct version *version, struct text path,
                      const json_t *entry, struct error *error, struct artifact_file **file);

#endif
