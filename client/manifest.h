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
    bool has_digest;          /* the entries' digest is the one that the artifact goes by */
    bool absent;              /* the artifact has none, so the server says */
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
void manifest_unref(struct manifest *manifest);

/* Borrowed; NULL: no such path. */
struct artifact_file *manifest_find(const struct manifest *manifest, struct text path);

static inline void manifest_unref_pointer(struct manifest **manifest)
{
    manifest_unref(*manifest);
}
#define cleanup_manifest cleanup(manifest_unref_pointer)

#endif
