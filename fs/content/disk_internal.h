/* SPDX-License-Identifier: MIT */
/* What the files of the disk cache share (disk_cache.h). */
#ifndef FS_DISK_INTERNAL_H
#define FS_DISK_INTERNAL_H

#include "base/md5.h"
#include "descriptor_pool.h"
#include "disk_blocks.h"
#include "disk_place.h"
#include "disk_space.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { TRUSTED_REMEMBERED = 1024 };

/* A content whose digest this process has found right, and how the file looked then. */
struct trusted {
    unsigned char md5[MD5_SIZE];
    struct stat status;
};

struct disk_cache {
    char *directory;
    char server[2 * MD5_SIZE + 1]; /* names the folder of what is not verified */
    char *client_objects;
    bool distrusts; /* immutable, see struct disk_cache_config */
    void (*report)(void *context, const char *message);
    void *context;
    struct disk_space space;
    struct descriptor_pool pool;
    _Atomic uint64_t read_bytes;
    _Atomic uint64_t written_bytes;
    _Atomic uint64_t damaged;
    atomic_uint holds;
    _Atomic int64_t paused_until; /* clock_milliseconds(); 0: writing goes well */
    pthread_mutex_t lock;         /* of what follows */
    char problem[256];
    char reported[256]; /* the last problem that was reported: each is said once */
    struct trusted trusted[TRUSTED_REMEMBERED];
    size_t trusted_count;
};

struct disk_file {
    struct disk_cache *cache;
    struct disk_key key;
    struct pooled *opened;      /* the pool's */
    atomic_bool absent;         /* nothing of it is there; until something is written */
    struct stat adopted_status; /* set before `adopted` */
    atomic_bool adopted;        /* the official client's copy is used */
    atomic_bool was_adopted;
};

/* What is open of a content: one of the two. */
struct opened {
    struct pooled pooled;
    struct disk_cache *cache;
    struct disk_blocks *blocks; /* NULL: the official client's copy */
    int copy;                   /* its descriptor, else -1 */
    bool verified;              /* found among the contents that are for everybody */
};

/* Whether anything is written now: a disk that is full or unwritable is left alone for a while. */
bool disk_may_write(struct disk_cache *cache);

/* Opens it for reading, with a reference. The official client's copy is used as long as nobody
 * touches it. NULL with errno. */
struct opened *disk_open_for_reading(struct disk_file *file);
/* NULL is fine. */
void disk_opened_release(struct opened **opened);
#define cleanup_opened cleanup(disk_opened_release)
/* It is opened anew, or found missing, the next time. */
void disk_look_again(struct disk_file *file, const struct opened *opened);
/* The digest of all bytes, as they are read. False: cancelled, or something is missing or damaged.
 */
bool disk_hash(struct disk_file *file, struct opened *opened, const atomic_bool *cancelled,
               unsigned char digest[MD5_SIZE]);

/* This process has found the content right, in a file that looked so. */
void disk_trust(const struct disk_file *file, const struct stat *status);
/* Whether it has. */
bool disk_is_known(const struct disk_file *file, const struct stat *status);
/* Whether the word of who found the blocks right is enough. */
bool disk_is_trusted(const struct disk_file *file, const struct disk_blocks *blocks);

/* Where the content lies: verified, for mounts of all servers, or not. False: too long. */
bool disk_file_path(const struct disk_file *file, bool verified, char path[PATH_MAX]);
/* Opens the official client's copy, which need not be right; the descriptor is the caller's. -1:
 * there is none of that size. */
int disk_file_open_copy(const struct disk_file *file, struct stat *status);
/* Whether a file has not been changed between two looks. */
bool disk_looks_the_same(const struct stat *a, const struct stat *b);

#endif
