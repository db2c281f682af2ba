/* SPDX-License-Identifier: MIT */
/*
 * What is known of contents that nobody has open: the kernel may still have pages of them, and who
 * opens one again goes on where the hash was. Bounded; least recently closed first. Needs the
 * caller's one lock.
 */
#ifndef FS_DIGEST_MEMORY_H
#define FS_DIGEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct digest;
struct digest_memory;

/* Takes it over; NULL is fine. */
void digest_memory_keep(struct digest_memory *memory, struct digest *digest);
/* Takes it out; NULL: not known. `md5` NULL: the content has none. */
struct digest *digest_memory_take(struct digest_memory *memory, uint64_t key, uint64_t size,
                                  const unsigned char *md5);
void digest_memory_release(struct digest_memory *memory);

#endif
