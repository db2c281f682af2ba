/* SPDX-License-Identifier: MIT */
/*
 * The manifest of an artifact: all its entries, references included, and where
 * their bytes are stored (protocol 8.2). Read when something needs it; the last
 * few are kept.
 */
#ifndef CLIENT_MANIFEST_H
#define CLIENT_MANIFEST_H

#include "content.h"

#include <pthread.h>

enum manifest_layout { MANIFEST_V1, MANIFEST_V2 };

/* Immutable, shared by reference counting. */
struct manifest {
    atomic_uint references;
    char *artifact; /* id */
    char *region;
    enum manifest_layout layout;
    struct object_list files; /* struct artifact_file, ordered by path */
};

/* Part of struct client: the manifests used last. */
struct manifests {
    pthread_mutex_t lock;
    struct manifest *kept[4];
    unsigned next;
};

void manifests_init(struct manifests *manifests);
void manifests_release(struct manifests *manifests);

/* The manifest of an artifact; the digest is checked against the artifact's. `version` is what
 * reports speak of. Blocks. */
int manifest_get(struct client *client, struct call *call, struct text artifact,
                 const struct version *version, struct manifest **manifest);
void manifest_unref(struct manifest *manifest);

/* Borrowed; NULL: no such path. */
struct artifact_file *manifest_find(const struct manifest *manifest, struct text path);

static inline void manifest_unref_pointer(struct manifest **manifest)
{
    manifest_unref(*manifest);
}
#define cleanup_manifest cleanup(manifest_unref_pointer)

#endif
