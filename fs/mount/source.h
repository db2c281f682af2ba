/* SPDX-License-Identifier: MIT */
/* SOURCE: which directory becomes the root of the mount (design 1). */
#ifndef FS_SOURCE_H
#define FS_SOURCE_H

#include "inode/filesystem.h"

/* Resolves SOURCE (NULL: everything), asking the server for each object on the way, and sets the
 * mount's root. Blocks; before the loop runs. An alias is resolved once, here. */
int source_resolve(struct filesystem *fs, const char *source, struct error *error);

/* The node of an object in a directory of the tree; NULL: no memory. Takes nodes->lock. */
struct node *source_install(struct filesystem *fs, struct place directory, struct text name,
                            const void *object);
/* The version whose directory, or something in it, is the mount's root; borrowed. NULL: none is. */
const struct version *source_version(struct filesystem *fs);
/* Lists the files of that version, ordered, without those that the tree leaves out. Blocks, unless
 * they are in memory. */
int source_files(struct filesystem *fs, struct object_list *files, struct error *error);
/* What becomes the mount's root. Takes nodes->lock. */
void source_set_root(struct filesystem *fs, struct place place);

/* Fails when the version is not the one with that digest (NULL: any). */
int source_check_digest(const struct version *version, const char *digest, const char *source,
                        struct error *error);

#endif
