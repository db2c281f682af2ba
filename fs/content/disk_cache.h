/* SPDX-License-Identifier: MIT */
/*
 * File content on the local disk, keyed by its digest, shared by any number of
 * processes. A file is kept in blocks, each usable as soon as it is written;
 * neither a crash at any point nor a damaged disk yields wrong bytes
 * (disk_blocks.h). What was not found right as a whole is for mounts of the
 * same server alone (disk_place.h). Size-limited, least recently used first. A
 * disk that is full or unwritable makes it do nothing, which is reported once.
 * Any number of files may be open: their descriptors are bounded. Knows neither
 * FUSE nor the client.
 *
 * All calls may block on the local disk; any thread may make them. None waits
 * for another process, but disk_file_write() for a second, to make room.
 */
#ifndef FS_DISK_CACHE_H
#define FS_DISK_CACHE_H

#include "base/md5.h"
#include "disk_blocks.h"

#include <stdatomic.h>
#include <stdint.h>

struct disk_cache;
struct disk_file;
struct disk_hold; /* keeps a whole content as it is */

struct disk_cache_config {
    const char *directory;
    uint64_t limit;             /* bytes on disk; 0: off */
    unsigned descriptors;       /* at most so many stay open; 0: a few */
    bool distrusts;             /* what an earlier process found right is hashed again */
    const char *client_objects; /* the official client's obj/md5 folder (protocol 8.4), or NULL */
    void *context;
    /* Caching stopped or bytes were damaged; one line. Any thread. */
    void (*report)(void *context, const char *message);
};

/* NULL: no memory. Touches no disk yet. */
struct disk_cache *disk_cache_new(const struct disk_cache_config *config);
/* All files must be closed. */
void disk_cache_free(struct disk_cache *cache);
/* Whose contents are going to be opened: the server's base URL. Before the first one. */
void disk_cache_set_server(struct disk_cache *cache, const char *base_url);

struct disk_cache_figures {
    const char *directory;
    uint64_t limit;
    uint64_t used;       /* bytes on disk, all processes', as last counted */
    uint64_t read_bytes; /* served from the disk */
    uint64_t written_bytes;
    uint64_t damaged;  /* blocks whose checksum did not fit */
    char problem[256]; /* why nothing is cached now; empty: all is well */
};
void disk_cache_read_figures(struct disk_cache *cache, struct disk_cache_figures *figures);

/* Opens the place of a content, to be closed. NULL: the cache is off or unusable. */
struct disk_file *disk_file_open(struct disk_cache *cache, const unsigned char md5[MD5_SIZE],
                                 uint64_t size);
void disk_file_close(struct disk_file *file);

/* Copies checked bytes from `offset` on; returns how many, up to the first missing block. */
size_t disk_file_read(struct disk_file *file, uint64_t offset, void *buffer, size_t size);
/* How far, up to `end`, everything is there (*present), or nothing is, from `offset` < `end` on.
 * Looks at no data: a block may still turn out damaged. */
uint64_t disk_file_run(struct disk_file *file, uint64_t offset, uint64_t end, bool *present);
/* Says that these bytes will be read soon; returns at once. */
void disk_file_prefetch(struct disk_file *file, uint64_t offset, uint64_t size);
/* Keeps bytes of blocks that are missing: `offset` is a multiple of DISK_BLOCK, and so is `size`
 * but at the file's end. */
void disk_file_write(struct disk_file *file, uint64_t offset, const void *data, size_t size);

/* Forgets all blocks: something of them is wrong. */
void disk_file_forget(struct disk_file *file);

/* Whether it is complete and was found good by disk_file_check(), maybe in another life. */
bool disk_file_is_verified(struct disk_file *file);

enum disk_check {
    DISK_CHECK_INCOMPLETE, /* or cancelled */
    DISK_CHECK_GOOD,
    DISK_CHECK_BAD, /* the digest does not fit; it starts over with no blocks */
};
/* Whether bytes from `offset`, whole blocks, are those that are known to be right. */
typedef bool disk_fits(const void *context, uint64_t offset, const char *bytes, size_t size);
/* Has a complete file compared by who knows what is right; remembers a good result on disk. */
enum disk_check disk_file_compare(struct disk_file *file, disk_fits *fits, const void *context,
                                  const atomic_bool *cancelled);
/* Compares a complete file with its digest; remembers a good result on disk. Reads it all. */
enum disk_check disk_file_check(struct disk_file *file, const atomic_bool *cancelled);

/* For who reads the content past this module: all of it, found right, and its file untouched since;
 * nobody changes or removes it until the hold is released. NULL: it is not so, or too many are
 * held. *touched: it was found right, but it is not known to be so still. */
struct disk_hold *disk_file_hold(struct disk_file *file, bool *touched);
/* Of the file that is the content. */
int disk_hold_descriptor(const struct disk_hold *hold);
/* NULL is fine. After the file was closed, too. */
void disk_hold_release(struct disk_hold *hold);
/* Compares a touched content with its digest, so that it may be held again. Reads it all. */
enum disk_check disk_file_check_again(struct disk_file *file, const atomic_bool *cancelled);

/*
 * Looks for the official client's copy and, when its MD5 fits, serves it from then on; or hashes
 * again what an earlier process found right.
 * True: the whole file is there. Reads all of it, once a process. One thread at a time per file.
 */
bool disk_file_adopt(struct disk_file *file, const atomic_bool *cancelled);
/* The same for a copy that this process has found right already, and that nobody has touched since:
 * without reading it. */
bool disk_file_adopt_known(struct disk_file *file);
/* Whether there seems to be one of them, so that disk_file_adopt() is worth its time. */
bool disk_file_adoptable(struct disk_file *file);

#endif
