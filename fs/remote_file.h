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

#include "client.h"
#include "disk_cache.h"
#include "work.h"

#include <sys/uio.h>

struct remote_files;  /* all of them: the memory, the lane, the disk cache */
struct remote_file;   /* one content, shared by its readers */
struct remote_reader; /* one open handle */

/* Takes the next bytes; false ends the transfer. */
typedef bool remote_sink(void *context, const char *bytes, size_t size);

/* Where a file's bytes come from. */
struct remote_source {
    void *context;
    uint64_t size;
    const unsigned char *md5; /* MD5_SIZE bytes, inside the context; NULL: unknown, not cached */
    /* Delivers exactly `length` bytes from `offset`, or fails. Blocks. */
    int (*fetch)(void *context, struct call *call, uint64_t offset, uint64_t length,
                 remote_sink *sink, void *sink_context);
    /* What was received does not have the digest it should have; it is fetched again once. */
    void (*mismatch)(void *context);
    void (*release)(void *context);
};

/* `disk` may be NULL; `memory` in bytes; `width` is the lane's. NULL: no memory. All three are
 * borrowed. */
struct remote_files *remote_files_new(struct lane *lane, unsigned width, struct disk_cache *disk,
                                      size_t memory);
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
/* Whether bytes that were delivered for this key turned out wrong since the last call: the kernel
 * must not keep them. */
bool remote_was_wrong(struct remote_files *files, uint64_t key);

enum { REMOTE_PIECES = 6 }; /* enough for 1 MiB, the largest read of the kernel */

/* Bytes to be replied, valid until remote_view_release(). */
struct remote_view {
    struct iovec pieces[REMOTE_PIECES];
    unsigned count;
    size_t size;
    /* private */
    void *chunks[REMOTE_PIECES];
    char *buffer;
    struct remote_file *file;
};

enum remote_result { REMOTE_READY, REMOTE_WAIT, REMOTE_FAILED };

/* READY: the view holds all bytes up to the file's end. WAIT: remote_wait() for them. FAILED: the
 * error is set. Asks the local disk at most. */
enum remote_result remote_read(struct remote_reader *reader, uint64_t offset, size_t size,
                               struct remote_view *view, struct error *error);
/* The same without the disk: a worker brings into memory what is there. */
enum remote_result remote_read_memory(struct remote_reader *reader, uint64_t offset, size_t size,
                                      struct remote_view *view, struct error *error);
void remote_view_release(struct remote_view *view);

/* One who waits; embedded in what waits, filled in by remote_wait(). */
struct remote_waiter {
    /* Makes the caller the one that goes on; false: it has been ended otherwise, and whoever did
     * calls remote_leave(). Must not wait or call back. */
    bool (*claim)(struct remote_waiter *waiter);
    /* Goes on after it was claimed: try again, or give up with the error if there is one. No lock
     * is held. */
    void (*resume)(struct remote_waiter *waiter, const struct error *error);
    struct remote_file *file;
    uint64_t offset, end;
    bool starved; /* no memory was to be had */
    struct remote_waiter *next, **link_to_this;
};

/* Has the bytes fetched and the waiter resumed when they are there (or not to be had), maybe before
 * this returns. False: try remote_read() again at once, the waiter is not used. Whoever ended the
 * waiter before this call has to remote_leave() after it. */
bool remote_wait(struct remote_reader *reader, uint64_t offset, size_t size,
                 struct remote_waiter *waiter);
/* The waiter waits no more. Harmless after it was resumed. */
void remote_leave(struct remote_files *files, struct remote_waiter *waiter);

struct remote_figures {
    unsigned open;                                 /* files */
    unsigned streams;                              /* transfers under way */
    size_t memory;                                 /* bytes in use */
    uint64_t from_memory, from_disk, from_network; /* bytes */
};
void remote_read_figures(struct remote_files *files, struct remote_figures *figures);

#endif
