/* SPDX-License-Identifier: MIT */
/*
 * A SOURCE that says all by itself which version it means: ENTITY/wandb-registry-REGISTRY/
 * COLLECTION:vN@DIGEST, and a file that `registryfs resolve -o` has made. What lies above the
 * version in the tree is made of what the version tells. Blocks; before anybody else has the tree.
 */
#ifndef FS_PINNED_SOURCE_H
#define FS_PINNED_SOURCE_H

#include "inode/filesystem.h"

enum pinned_result {
    PINNED_OPENED,
    PINNED_NOT,    /* it is no such name, or has to be asked for step by step */
    PINNED_FAILED, /* the server cannot be used, or the version is another one */
};

/* Makes the version the mount's root, with one request, which tells the viewer, too. */
enum pinned_result pinned_source_open(struct filesystem *fs, const char *source,
                                      struct error *error);

/* Makes the version that the file holds the mount's root; asks nobody. */
int pinned_source_read(struct filesystem *fs, const char *path, struct error *error);

/* The name of a version as such a SOURCE. -1: it cannot be written as one. */
int pinned_source_name(const struct version *version, struct buf *name, struct error *error);

#endif
