/* SPDX-License-Identifier: MIT */
/*
 * The tree below a version's `files`: folders made from the paths of its files
 * (design 2). One listing of the version brings all of it; each folder's own is
 * cut out of that.
 */
#ifndef FS_FILE_TREE_H
#define FS_FILE_TREE_H

#include "row.h"

struct facet;

/* For the table of directories (directory.h). */
int file_tree_list(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                   struct page *page, struct object_list *found);
int file_tree_find(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                   struct text name, void **object, struct object_list *below);
bool file_tree_add(struct listing *listing, const struct lineage *lineage, const void *object,
                   bool *duplicate);

/* Puts the files of a version into the order in which they are added. False: no memory. */
bool file_tree_arrange(struct filesystem *fs, const struct lineage *lineage,
                       struct object_list *files);

/* Whether a folder must be where file number `i` of ordered ones is. */
bool file_tree_has_folder_at(const struct object_list *files, size_t i);

/* What a folder holds, out of the listing of the version's files; NULL: no memory. */
struct listing *file_tree_below(const struct listing *files, const void *folder);

/* The last part of the path of a file or folder. */
struct text file_tree_name(const void *object);

/* Whether one listing is cheaper than asking for a file by its name: there are few files, or many
 * were asked for. `files` is what is known of the directory, may be NULL. */
bool file_tree_pays_listing(const struct node *version, const struct facet *files);

/* So many files were listed. Forgets older listings when all together hold more files than memory
 * should. Needs nodes->lock. */
void file_tree_trim(struct filesystem *fs, size_t listed);

#endif
