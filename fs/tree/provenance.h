/* SPDX-License-Identifier: MIT */
/*
 * The directory `lineage/` of a version (design 2). Its names are known; what is in a file is asked
 * for when the file is looked at, so that a size is true and a listing costs nothing. The texts
 * about runs and places come together and age; those made of the manifest come together and stay
 * true. A text that is not there (the server is too old, the version has no manifest) is not listed
 * once that is known.
 *
 * Under nodes->lock, but for what says that it blocks.
 */
#ifndef FS_PROVENANCE_H
#define FS_PROVENANCE_H

#include "provenance_file.h"
#include "wait/fetch.h"

/* The texts about runs and places, and those made of the manifest, of a version's node. */
extern const struct fetch_type refresh_lineage, refresh_manifest;

/* Puts in place what a listing says of a version of the collection, asked for at `asked`. Takes
 * nodes->lock. */
void provenance_install(struct filesystem *fs, struct node *collection,
                        const struct artifact_lineage *lineage, int64_t asked);

#endif
