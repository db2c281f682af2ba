/* SPDX-License-Identifier: MIT */
/*
 * Where the status socket of a mount is: a file in a directory that belongs to
 * who mounts, below $XDG_RUNTIME_DIR, /run/user/UID, /run or /tmp, named after
 * the mountpoint. Nothing here looks into the mountpoint itself: a mount that
 * hangs must not hang who asks how it is.
 */
#ifndef FS_STATUS_PATH_H
#define FS_STATUS_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

/* The mountpoint with an absolute, resolved parent; `/dev/fd/N` stays as it is. False: the parent
 * cannot be resolved (errno), or the path is too long. */
bool status_mountpoint(const char *mountpoint, char *resolved, size_t size);

/* Candidates in the order in which they are tried. */
enum { STATUS_DIRECTORIES = 4 };

/* The candidate directory for mounts of `uid`, without a slash at its end. False: there is none of
 * this number. */
bool status_directory(int number, uid_t uid, char *directory, size_t size);

/* The socket's address in a directory. `in_namespace`: the name for a second mount at the same path
 * in another mount namespace. False: the path is too long for a socket. */
bool status_address(const char *directory, const char *resolved, bool in_namespace,
                    struct sockaddr_un *address);

#endif
