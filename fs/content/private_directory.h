/* SPDX-License-Identifier: MIT */
/* Which directories and files of this machine can be trusted: those that nobody else can change.
 * Blocks on the local disk. */
#ifndef FS_PRIVATE_DIRECTORY_H
#define FS_PRIVATE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Ours or root's, and writable for nobody else. A group that consists of its owner alone, as users
 * with umask 002 have, is nobody else. */
bool is_private(const struct stat *status);

/* Makes it with mode 0700 if it is missing. False with errno, EPERM: others can change it. */
bool private_directory_make(const char *path);

/* The words of a message that says who else can change it: "belongs to user 1000". */
void private_explain(const struct stat *status, char *words, size_t size);

#endif
