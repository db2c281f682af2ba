/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

struct manifest *manifest_new(struct text artifact)
{
    struct manifest *manifest = calloc(1, sizeof *manifest);
    if (!manifest)
        return NULL;
    atomic_init(&manifest->references, 1);
    manifest->artifact = strdup(text_or_empty(artifact));
    if (manifest->artifact)
        return manifest;
    free(manifest);
    return NULL;
}

void manifests_init(struct manifests *manifests)
{
    pthread_mutex_init(&manifests->lock, NULL);
}

void manifests_release(struct manifests *manifests)
{
    for (size_t i = 0; i < MANIFESTS_KEPT; i++)
        manifest_unref(manifests->kept[i]);
    pthread_mutex_destroy(&manifests->lock);
}

void manifest_unref(struct manifest *manifest)
{
    if (!manifest || atomic_fetch_sub(&manifest->references, 1) != 1)
        return;
    object_list_release(&manifest->files);
    free(manifest->artifact);
    free(manifest->region);
    free(manifest);
}

static struct manifest *manifest_ref(struct manifest *manifest)
{
    atomic_fetch_add(&manifest->references, 1);
    return manifest;
}

struct manifest *manifests_find(struct manifests *manifests, struct text artifact)
{
    struct manifest *found = NULL;
    pthread_mutex_lock(&manifests->lock);
    for (size_t i = 0; !found && i < MANIFESTS_KEPT; i++) {
        struct manifest *kept = manifests->kept[i];
        if (kept && text_is(artifact, kept->artifact))
            found = manifest_ref(kept);
    }
    pthread_mutex_unlock(&manifests->lock);
    return found;
}

void manifests_keep(struct manifests *manifests, struct manifest *manifest)
{
    pthread_mutex_lock(&manifests->lock);
    struct manifest **place = &manifests->kept[manifests->next++ % MANIFESTS_KEPT];
    struct manifest *old = *place;
    *place = manifest_ref(manifest);
    pthread_mutex_unlock(&manifests->lock);
    manifest_unref(old);
}
