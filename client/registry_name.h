/* SPDX-License-Identifier: MIT */
/* Names of registries and of artifact types: the local rules, before anything is sent (protocol 6).
 * Pure. */
#ifndef CLIENT_REGISTRY_NAME_H
#define CLIENT_REGISTRY_NAME_H

#include "base/error.h"
#include "base/object.h"

/* Stands in front of the name in that of the registry's project. */
#define REGISTRY_PREFIX "wandb-registry-"

/* The registry's name within the full name of a project; null when that is no registry. */
struct text registry_name_of(struct text project_name);
/* The name of the project of a registry; malloc'ed, NULL: no memory. */
char *registry_full_name(struct text name);

/* ERROR_INVALID, ERROR_NAME_TOO_LONG. */
int registry_check_name(struct text name, struct error *error);
int registry_check_artifact_type(struct text type, struct error *error);

#endif
