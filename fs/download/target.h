/* SPDX-License-Identifier: MIT */
/*
 * The directory that `registryfs get` fills. What comes is in .registryfs-partial/ in it until it
 * is whole and right, then gets its name by one rename. No symlink below the directory is followed.
 * The file .registryfs-get marks the directory, is locked while somebody works in it, and records
 * which files were found right, so that they need not be read again while they look the same. Paths
 * are those of the tree, names escaped. Blocks on the local disk; any thread, but for opening and
 * closing.
 */
#ifndef FS_TARGET_H
#define FS_TARGET_H

#include "base/error.h"
#include "base/md5.h"

#include <stdatomic.h>
#include <stdint.h>

#define TARGET_MARKER  ".registryfs-get"
#define TARGET_PARTIAL ".registryfs-partial"

struct target;

/* Of errors, ERROR_LOCAL means that nothing more can be written; the others are the one file's. */

struct target_config {
    const char *path;
    bool exact;      /* refused where others' files are and the marker is not */
    bool only_looks; /* makes and locks nothing; the directory may be missing */
    const atomic_bool *cancelled;
    void (*waits)(const char *path); /* called once when somebody else works in it */
};

/* Makes the directory if its parent is there, and waits for its lock. NULL: the error is set. */
struct target *target_open(const struct target_config *config, struct error *error);
/* NULL is fine. */
void target_close(struct target *target);

/* Fails when the disk has not so many bytes free. */
int target_check_room(const struct target *target, uint64_t bytes, struct error *error);

enum target_state {
    TARGET_ABSENT,
    TARGET_RIGHT,
    TARGET_OTHER,  /* something else has the name */
    TARGET_FAILED, /* the error is set */
};

/* What is at the path; reads a file of that size that is not known to be right. */
enum target_state target_look(struct target *target, const char *path,
                              const unsigned char md5[MD5_SIZE], uint64_t size,
                              struct error *error);
/* Whether the path has a file of that size; opens nothing. */
bool target_may_have(struct target *target, const char *path, uint64_t size);

/* Opens the place of a content on its way; its size says how much of it has come. -1: failed. */
int target_open_partial(struct target *target, const char *name, struct error *error);
/* How many bytes of the disk it takes already. */
uint64_t target_partial_size(struct target *target, const char *name);
/* Reserves room without changing the size. ERROR_LOCAL: there is none. */
int target_reserve(int partial, uint64_t size, struct error *error);
/* Writes at the offset; what comes in order is on the disk soon, so that little is left to wait for
 * in the end: a signal is to end it all within seconds. */
int target_write(int partial, const void *data, size_t size, uint64_t offset, struct error *error);
/* Makes it a copy of another file's first `size` bytes, without copying where the disk can. */
int target_copy(int from, int partial, uint64_t size, const atomic_bool *cancelled,
                struct error *error);
void target_drop_partial(struct target *target, const char *name);
/* What earlier runs have left of contents that nobody wants any more. */
void target_clear_partials(struct target *target);

/* Gives what has come whole and right its name; folders are made. */
int target_place(struct target *target, const char *name, int partial, const char *path,
                 bool overwrite, const unsigned char md5[MD5_SIZE], struct error *error);

/* Removes all files but those that `keeps` says; *removed counts them. */
int target_remove_others(struct target *target,
                         bool (*keeps)(const void *context, const char *path), const void *context,
                         unsigned *removed, struct error *error);

#endif
