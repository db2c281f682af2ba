/* SPDX-License-Identifier: MIT */
/*
 * The content of remote files while they are open: ranges fetched in parallel
 * on the data lane, each block once for all readers, read-ahead, bounded
 * memory, the disk cache behind it. A read is answered at once from memory or
 * disk, or waits without a thread until its bytes have come.
 *
 * Knows neither FUSE nor the server: bytes come through a source. Any thread.
 */
#ifndef FS_REMOTE_FILE_H
#define FS_REMOTE_FILE_H

#include "disk_cache.h"
#include "lane.h"
#include "remote_source.h"
#include "remote_view.h"
#include "remote_waiters.h"

struct remote_files;  /* all of them: the memory, the lane, the disk cache */
struct remote_file;   /* one content, shared by its readers */
struct remote_reader; /* one open handle */

/* `disk` may be NULL; `memory` in bytes; `width` is the lane's. NULL: no memory. All three are
 * borrowed. */
struct remote_files *remote_files_new(struct lane *lane, unsigned width, struct disk_cache *disk,
                                      size_t memory);
/* Files over 64 MiB are shown before their digest is known. Before anything is opened. */
void remote_files_verify_late(struct remote_files *files);
/* Ends the threads that it has itself: after the lane was freed, while waiters may be resumed. */
void remote_files_settle(struct remote_files *files);
/* After the lane was freed; readers that are still open are not to be used any more. */
void remote_files_free(struct remote_files *files);
/* Cancels all transfers, for good. */
void remote_files_stop(struct remote_files *files);

/* Opens a reader. Readers of the same `key` (not 0) share everything; the source of the first
 * stays, one that is not needed is released at once, as when this fails. NULL: no memory. */
struct remote_reader *remote_open(struct remote_files *files, uint64_t key,
                                  const struct remote_source *source);
/* The same without asking the disk: a worker does, and those who read wait for it. */
struct remote_reader *remote_open_later(struct remote_files *files, uint64_t key,
                                        const struct remote_source *source);
/* The reader is one reference; it is closed with the last one. */
struct remote_reader *remote_reader_ref(struct remote_reader *reader);
void remote_reader_unref(struct remote_reader *reader);
/* The content for who reads it past this module, to be released; NULL: the disk does not have it
 * whole and right and untouched. What was touched is looked at again, for the next time. Asks the
 * disk. */
struct disk_hold *remote_hold(struct remote_reader *reader);
/* Whether all of the content is known to be what its digest says. */
bool remote_is_right(const struct remote_reader *reader);
/* Whether the disk has it whole and right, so that it need not be fetched again. Asks the disk. */
bool remote_is_kept(const struct remote_reader *reader);
/* Whether the kernel may keep the pages that it has from earlier readers of this key: it is known
 * which these are. */
bool remote_pages_are_good(const struct remote_reader *reader);

enum remote_result { REMOTE_READY, REMOTE_WAIT, REMOTE_FAILED };

/* READY: the view holds all bytes up to the file's end. WAIT: remote_wait() for them. FAILED: the
 * error is set. Asks the local disk at most. */
enum remote_result remote_read(struct remote_reader *reader, uint64_t offset, size_t size,
                               struct remote_view *view, struct error *error);
/* The same without the disk: a worker brings into memory what is there. */
enum remote_result remote_read_memory(struct remote_reader *reader, uint64_t offset, size_t size,
                                      struct remote_view *view, struct error *error);

/* Has the bytes fetched and the waiter resumed when they are there (or not to be had), maybe before
 * this returns. False: try remote_read() again at once, the waiter is not used. Whoever ended the
 * waiter before this call has to remote_leave() after it. */
bool remote_wait(struct remote_reader *reader, uint64_t offset, size_t size,
                 struct remote_waiter *waiter);

struct remote_figures {
    unsigned open;                                 /* files */
    unsigned streams;                              /* transfers under way */
    size_t memory;                                 /* bytes in use */
    uint64_t from_memory, from_disk, from_network; /* bytes */
    uint64_t unchecked;                            /* bytes shown and not known to be right */
};
void remote_read_figures(struct remote_files *files, struct remote_figures *figures);

#endif
