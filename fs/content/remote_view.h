/* SPDX-License-Identifier: MIT */
/* What a read of a remote file is answered with (remote_file.h). */
#ifndef FS_REMOTE_VIEW_H
#define FS_REMOTE_VIEW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { REMOTE_FEW_PIECES = 6 }; /* enough for 1 MiB */

/* Bytes to be replied, valid until remote_view_release(). */
struct remote_view {
    struct iovec *pieces;
    unsigned count;
    size_t size;
    int64_t retry_ms; /* with REMOTE_WAIT: ask again after so long at the latest; 0: no need */
    /* private */
    struct iovec few_pieces[REMOTE_FEW_PIECES];
    void *few_chunks[REMOTE_FEW_PIECES];
    void **chunks;
    char *buffer;
    struct remote_file *file;
};

void remote_view_release(struct remote_view *view);

#endif
