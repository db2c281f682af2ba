/* SPDX-License-Identifier: MIT */
/*
 * Names that are made and removed in a registry's directory: editors' scratch
 * files, in memory only, and the ways in which editors replace a file (editors'
 * backups, atomic renames). Bounded: 64 names, 2 MiB each, 8 MiB together a
 * registry; ENOSPC beyond; dropped an hour after the last use.
 */
#ifndef FS_SCRATCH_H
#define FS_SCRATCH_H

#include "tree/local.h"
#include "wait/request.h"

/* Bodies of requests (request.h). All answer from memory but a rename onto an attribute, which
 * ends within --timeout. */
bool mknod_body(struct request *request);
bool symlink_body(struct request *request);
bool link_body(struct request *request);
bool unlink_body(struct request *request);
bool rename_body(struct request *request);

/* The following need nodes->lock. */

/* A new empty file or symlink; NULL with *error_number: ENOSPC, ENOMEM, or why it is refused. */
struct node *scratch_new(struct request *request, struct place directory, const char *name,
                         mode_t mode, int *error_number);
/* 0, or ENOSPC: gives a scratch file that many bytes. */
int scratch_resize(struct node *file, size_t size);
/* Who opens it to write makes its text from what the registry is now. */
void scratch_rebase(struct node *file);
/* Drops what nobody has used for an hour. */
void scratch_expire(struct filesystem *fs, struct node *registry);

#endif
