/* SPDX-License-Identifier: MIT */
/*
 * The manifest of an artifact: all its entries, references included, and where
 * their bytes are stored (protocol 8.2). The last few are kept. Any thread; the
 * lock is a leaf.
 */
#ifndef CLIENT_MANIFEST_H
#define CLIENT_MANIFEST_H

#include "base/object.h"

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

/* With one reference; NULL: no memory. */
struct manifest *manifest_new(struct text artifact);
void manifest_unref(struct manifest *manifest);

static inline void manifest_unref_pointer(struct manifest **manifest)
{
    manifest_unref(*manifest);
}
#define cleanup_manifest cleanup(manifest_unref_pointer)

enum { MANIFESTS_KEPT = 4 };

/* Part of struct client: the manifests used last. */
struct manifests {
    pthread_mutex_t lock;
    struct manifest *kept[MANIFESTS_KEPT]; /* under lock */
    unsigned next;                         /* under lock */
};

void manifests_init(struct manifests *manifests);
void manifests_release(struct manifests *manifests);

/* With a reference; NULL: none is kept. */
struct manifest *manifests_find(struct manifests *manifests, struct text artifact);
/* Takes a reference of its own. */
void manifests_keep(struct manifests *manifests, struct manifest *manifest);

#endif
