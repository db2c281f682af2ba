/* SPDX-License-Identifier: MIT */
/*
 * Tells the kernel to forget what it keeps of names, attributes and pages. The
 * notifications are queued and sent by threads of their own: sent from a
 * handler, or under a lock, they can wait for the very thread that sends them.
 * All functions may be called with nodes->lock held; they never wait.
 */
#ifndef FS_KERNEL_CACHE_H
#define FS_KERNEL_CACHE_H

#include "inode/node.h"

struct filesystem;
struct fuse_session;
struct kernel_cache;

struct kernel_cache *kernel_cache_new(void);
/* Starts sending; before it, and after kernel_cache_stop, what is queued is dropped. */
bool kernel_cache_start(struct kernel_cache *cache, struct fuse_session *session);
void kernel_cache_stop(struct kernel_cache *cache);
void kernel_cache_free(struct kernel_cache *cache);

/* Waits until what was queued so far has been sent, for some milliseconds at most: then who asks
 * the kernel sees the change. Not under a lock, and not from a handler: names wait for the lock of
 * their directory, which the handler's caller may hold. */
void kernel_cache_settle(struct kernel_cache *cache, int milliseconds);
/* The same for attributes alone, from handlers, too. */
void kernel_cache_settle_attributes(struct kernel_cache *cache, int milliseconds);

/* A name of a directory may have come to be, or is there no more. */
void kernel_cache_remove_name(struct filesystem *fs, struct place directory, const char *name);
/* The node is not in its directory any more. */
void kernel_cache_remove_entry(struct filesystem *fs, struct node *node);
/* The node's name is to be asked for again; whoever works in it stays there. */
void kernel_cache_expire_entry(struct filesystem *fs, struct node *node);
/* The pages of a file that lie in from … to (UINT64_MAX: its end) are wrong. */
void kernel_cache_drop_pages(struct kernel_cache *cache, uint64_t id, uint64_t from, uint64_t to);
/* Waits until that was done, for some milliseconds at most: it waits for those who are just reading
 * there. */
void kernel_cache_settle_pages(struct kernel_cache *cache, int milliseconds);
/* The attributes of the node and its members are to be asked for again. */
void kernel_cache_forget_attributes(struct filesystem *fs, struct node *node);

#endif
