/* SPDX-License-Identifier: MIT */
/* What the modules that read and change registries share (protocol 4). */
#ifndef CLIENT_REGISTRY_H
#define CLIENT_REGISTRY_H

#include "client.h"

#include <jansson.h>

/* Reads a Project node, with all its artifact types. 0 with *registry NULL: no registry, passed
 * over. `operation` is for reports. */
int registry_decode(struct client *client, struct call *call,
                    const struct organization *organization, const json_t *project,
                    const char *operation, struct registry **registry);

/* Whether the lists hold the same types, in any order. */
bool registry_types_equal(const struct texts *a, const struct texts *b);
bool registry_has_type(const struct texts *types, struct text type);

#endif
