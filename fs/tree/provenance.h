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

#include "directory.h"
#include "ready.h"

/* Gives the directory its names where it has none, or none since it was forgotten. */
void provenance_name(struct filesystem *fs, struct place place);
void provenance_release(struct filesystem *fs);

/* Whether the size of a file is known, or with `to_read` its text. */
enum readiness provenance_ready(struct request *request, struct node *file, bool to_read,
                                int *error_number);
/* Whether it is known that there is no such text. */
bool provenance_is_absent(struct filesystem *fs, const struct node *file);
/* Seconds for which the kernel may keep the attributes of a file; 0: ask again. */
double provenance_seconds_left(const struct filesystem *fs, const struct node *file);

/* Puts in place what a listing says of a version of the collection, asked for at `asked`. Takes
 * nodes->lock. */
void provenance_install(struct filesystem *fs, struct node *collection,
                        const struct artifact_lineage *lineage, int64_t asked);

/* Of a file's object; any thread. */
int64_t provenance_size(const void *object);
struct text provenance_text(const void *object);

#endif
