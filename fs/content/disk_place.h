/* SPDX-License-Identifier: MIT */
/*
 * Where contents lie in a cache directory, and how they come there and go:
 * objects/<2 hex>/ has those that were found right as a whole, for everybody;
 * unverified/<server>/<2 hex>/ has what a server has sent, for mounts of that
 * server alone. What makes, moves or removes files of a folder locks the folder
 * (flock), and does without when somebody keeps that locked. Blocks on the
 * local disk, and briefly on such a lock; any thread.
 */
#ifndef FS_DISK_PLACE_H
#define FS_DISK_PLACE_H

#include "base/md5.h"
#include "disk_blocks.h"

#include <limits.h>

#define DISK_PLACE_VERIFIED   "objects"
#define DISK_PLACE_UNVERIFIED "unverified"

/* What tells contents apart. */
struct disk_key {
    unsigned char md5[MD5_SIZE];
    uint64_t size;
};

/* Whether others can change what lies in a cache directory, so that it must not be used; says who
 * and what to do. One that does not exist yet is safe. */
bool disk_place_is_unsafe(const char *directory, char *message, size_t size);

/* Lower-case; `hex` has room for 2 * MD5_SIZE + 1. */
void disk_hex(const unsigned char md5[MD5_SIZE], char *hex);

/* The path of a content's data file. `server` NULL: among the verified. False: too long. */
bool disk_place_path(const char *directory, const char *server, const struct disk_key *key,
                     char path[PATH_MAX]);

/* Makes the missing folders above the path, for nobody else to change. False with errno. */
bool disk_place_make_folders(const char *path);
/* Opens the content, made if there is none, with its folders. NULL with errno. */
struct disk_blocks *disk_place_make(const char *path, uint64_t size);
/* Moves it over what may be there. `wait`: briefly, for a folder that is locked. False: it could
 * not be, or is not at `from` any more. */
bool disk_place_move(const struct disk_blocks *blocks, const char *from, const char *to, bool wait);
/* Removes it; with `blocks` only these, else only what nobody has open. */
bool disk_place_remove(const char *path, const struct disk_blocks *blocks);

#endif
