/* SPDX-License-Identifier: MIT */
/*
 * Files that the kernel reads itself from where their content lies on the local disk, past this
 * process (FUSE passthrough, Linux 6.9). Knows how the kernel is asked for it, with every libfuse;
 * the rest of the filesystem says only which content may be read so (struct disk_hold).
 *
 * The kernel wants all who have an inode open to read it the same way, so that is chosen when
 * nobody has it open, and stays until all have closed it. Any thread.
 */
#ifndef FS_PASSTHROUGH_H
#define FS_PASSTHROUGH_H

#include "content/disk_cache.h"

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

struct passthrough;
struct passed_inode; /* how one inode is read, while it is open */

struct passthrough_config {
    bool wanted;           /* else the options are against it */
    const char *directory; /* of the disk cache, or NULL: there is none. Borrowed */
};

/* NULL: no memory. */
struct passthrough *passthrough_new(const struct passthrough_config *config);
/* All inodes must have been left. */
void passthrough_free(struct passthrough *passthrough);
/* Takes part in what the session and the kernel agree on: in the session's init. */
void passthrough_agree(struct passthrough *passthrough, struct fuse_conn_info *connection);
/* The same where libfuse does not know of it: after the session was mounted, before it is served.
 * The session's userdata is the filesystem that has it. False: no memory. */
bool passthrough_attach(struct passthrough *passthrough, struct fuse_session *session);
/* Before the session is destroyed, once it is not served any more. */
void passthrough_detach(struct passthrough *passthrough);

/* Whether it is worth having a content held: the kernel has not refused all. */
bool passthrough_is_wanted(const struct passthrough *passthrough);
/* One more has the inode open that others have open. NULL: nobody has. */
struct passed_inode *passthrough_join(struct passthrough *passthrough, fuse_ino_t inode);
/* The same for the first one, who has this content for the kernel to read, or NULL; takes it over.
 * NULL: no memory. Asks the kernel. */
struct passed_inode *passthrough_enter(struct passthrough *passthrough, fuse_ino_t inode,
                                       struct disk_hold *hold);
/* Whether the kernel reads it itself. Immutable. */
bool passthrough_is_passed(const struct passed_inode *inode);
/* It is closed, or was not opened after all. NULL is fine. Asks the kernel. */
void passthrough_leave(struct passthrough *passthrough, struct passed_inode *inode);

/* Replies that the file is open, to be read as was chosen; as fuse_reply_open(). */
int passthrough_reply_open(fuse_req_t fuse, const struct fuse_file_info *file,
                           const struct passed_inode *inode);

struct passthrough_figures {
    const char *way; /* "on", or "off: " and why */
    unsigned inodes; /* open ones that the kernel reads itself */
    uint64_t opens;  /* how often one was opened so */
};
void passthrough_read_figures(struct passthrough *passthrough, struct passthrough_figures *figures);

#endif
