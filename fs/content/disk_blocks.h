/* SPDX-License-Identifier: MIT */
/*
 * One content on disk, in blocks that count only with a fitting checksum. Two
 * files: the bytes at their places in a sparse file, and beside it `.blocks`:
 * a header and one 64-bit checksum a block, 0 for a block that is not there.
 * Written in that order, without fsync: what a crash leaves half-written fails
 * its checksum. A block that is there is never written again, and nothing of a
 * content that was found right as a whole; locks on ranges of the data file
 * see to that between processes. Nobody waits for them.
 *
 * The `.blocks` file is what makes the two one content: it gets its name last
 * and loses it first (disk_place.h). Who has them open holds a shared flock on
 * it. Blocks on the local disk; any thread and process at once.
 */
#ifndef FS_DISK_BLOCKS_H
#define FS_DISK_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Unit of presence and of checksums. Small, so that random reads fetch little: 32 KiB for a read of
 * 4 KiB is 3 % of 1 GiB after 1000 of them. */
enum { DISK_BLOCK = 32 * 1024 };

/* Name of the checksums' file: that of the bytes with this behind. */
#define DISK_BLOCKS_SUFFIX ".blocks"

struct disk_blocks;

/* Opens what is there. NULL with errno; ENOENT: nothing that can be used, also when it is not of
 * this size or others can change it; EWOULDBLOCK: somebody keeps it locked. */
struct disk_blocks *disk_blocks_open(const char *path, uint64_t size);
/* Makes both files anew, in an existing folder that the caller has locked. NULL with errno. */
struct disk_blocks *disk_blocks_create(const char *path, uint64_t size);
void disk_blocks_close(struct disk_blocks *blocks);
/* Whether the path still leads to these. */
bool disk_blocks_are_at(const struct disk_blocks *blocks, const char *path);
/* False on a read-only disk: reading is all that can be done. */
bool disk_blocks_writable(const struct disk_blocks *blocks);

/* Copies checked bytes; returns how many, up to the first block that is missing or damaged. A
 * damaged block is forgotten and *damaged set; what is left is not verified any more. */
size_t disk_blocks_read(struct disk_blocks *blocks, uint64_t offset, void *buffer, size_t size,
                        bool *damaged);
/* How far, up to `end`, all blocks are like the one of `offset`: there (*present), or not. */
uint64_t disk_blocks_run(const struct disk_blocks *blocks, uint64_t offset, uint64_t end,
                         bool *present);
/* Has bytes that will be read soon brought into memory by the kernel. */
void disk_blocks_prefetch(const struct disk_blocks *blocks, uint64_t offset, uint64_t size);
/* Keeps those blocks that are missing; `offset` and `size` are whole blocks but at the end of the
 * content. Bytes written, none while somebody else is writing here; -1 with errno. */
ssize_t disk_blocks_write(struct disk_blocks *blocks, uint64_t offset, const void *data,
                          size_t size);

/* Has a block fetched again; what is left is not verified any more. */
void disk_blocks_forget(struct disk_blocks *blocks, uint64_t offset);

/* The remembered fact that the content was complete and its digest fitted. */
bool disk_blocks_is_verified(const struct disk_blocks *blocks);
/* Changes when blocks are forgotten. */
uint64_t disk_blocks_state(const struct disk_blocks *blocks);
/* How the data file looks now. False: it cannot be asked. */
bool disk_blocks_look(const struct disk_blocks *blocks, struct stat *status);
/* Remembers, until the machine is started again, how the data file of a verified content looks,
 * unless it was written to since it looked like `before`: then somebody else has. */
void disk_blocks_stamp(const struct disk_blocks *blocks, const struct stat *before);
/* Whether it still looks so. */
bool disk_blocks_is_untouched(const struct disk_blocks *blocks);
/* Keeps blocks, of all processes, from being written or forgotten until this is closed. False:
 * somebody is doing so. */
bool disk_blocks_freeze(struct disk_blocks *blocks);
/* Of the data file; -1: none. */
int disk_blocks_descriptor(const struct disk_blocks *blocks);
/* Remembers it, unless the state is not what it was before the blocks were looked at. */
bool disk_blocks_set_verified(struct disk_blocks *blocks, uint64_t state_before);

#endif
