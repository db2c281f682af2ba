/* SPDX-License-Identifier: MIT */
/*
 * Artifact files: opening them and reading their bytes. Between the inode tree
 * and the content of remote files (remote_file.h).
 */
#ifndef FS_READ_CONTENT_H
#define FS_READ_CONTENT_H

#include "content/remote_file.h"
#include "inode/filesystem.h"
#include "tree/ready.h"

#include <limits.h>
#include <stdatomic.h>

enum { DATA_WORKERS = 16 };

/* Where the disk cache is that the options ask for. False: there is to be none, or nowhere. */
bool read_file_cache_directory(const struct options *options, char path[PATH_MAX]);
/* False: others can change the directory of the disk cache that the options ask for; the message
 * says what to do. Asks the disk. */
bool read_file_cache_is_safe(const struct options *options, char *message, size_t size);
/* Makes the disk cache that the options ask for, and the content of remote files. False: no memory.
 */
bool read_file_start(struct filesystem *fs);
/* Once the client is connected, before the first file is opened. */
void read_file_use_server(struct filesystem *fs);
/* Cancels transfers; none are begun from then on. */
void read_file_stop(struct filesystem *fs);
/* Ends the threads that hash, after the lane was freed, while requests can be answered. */
void read_file_settle(struct filesystem *fs);
/* After the lane was freed and all files were closed. */
void read_file_end(struct filesystem *fs);

struct file_source;
/* What has no bytes is never read, so its digest is compared at once: whether it is that of
 * nothing.
 */
bool read_file_has_true_size(const struct file_source *source);

struct origin; /* where the bytes of one file come from */

/* What is needed to open a node of kind NODE_FILE, to be handed to read_file_open(). FAILED:
 * *error_number, EREMOTE for what is stored elsewhere. Needs nodes->lock. */
enum readiness read_file_prepare(struct request *request, struct node *node, struct origin **origin,
                                 int *error_number);
/* Takes over the origin. Asks the disk if it may; NULL: no memory. */
struct remote_reader *read_file_open(struct origin *origin, bool may_wait);
/* Replies the bytes that the request asks for, or an error; false: it waits. */
/* `gave_up`: the handle's, 0 at first; when a read of it last took too long. */
bool read_file_body(struct request *request, struct remote_reader *reader, atomic_llong *gave_up);

#endif
