/* SPDX-License-Identifier: MIT */
/*
 * Where the status socket of a mount is: a file in a directory that belongs to
 * who mounts, below $XDG_RUNTIME_DIR, /run/user/UID, /run or /tmp, and, for who
 * has another environment or a cleaner that took the file, an abstract name.
 * Both are made of the mounted filesystem's device number: the same by whatever
 * path, link or bind mount one comes to it.
 */
#ifndef FS_STATUS_PATH_H
#define FS_STATUS_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum { STATUS_KEY_SIZE = 64 };

/* The name of a mount's socket. Where the number is not known (0), as of a `/dev/fd/N` that
 * somebody else has mounted, it is made of the path and the mount namespace. */
void status_key(dev_t number, const char *path, char key[STATUS_KEY_SIZE]);

/* Candidates in the order in which they are tried. */
enum { STATUS_DIRECTORIES = 4 };

/* The candidate directory for mounts of `uid`, without a slash at its end. False: there is none of
 * this number. */
bool status_directory(int number, uid_t uid, char *directory, size_t size);

/* The socket's address in a directory; NULL: the abstract one. False: the path is too long for a
 * socket. *size: of the address, as bind() and connect() want it. */
bool status_address(const char *directory, const char *key, struct sockaddr_un *address,
                    socklen_t *size);

#endif
