/* SPDX-License-Identifier: MIT */
/* Whether what was read is young enough (design 4), by the clock alone. All need nodes->lock and
 * never wait. `request` may be NULL: nobody in particular asks. */
#ifndef FS_FRESH_H
#define FS_FRESH_H

#include "inode/filesystem.h"
#include "inode/listing.h"

struct request;

/* For which the kernel may keep what cannot change. */
enum { IMMUTABLE_SECONDS = 3600 };

/* How old what is shown may be, in nanoseconds (`--ttl`). Takes no lock. */
int64_t fresh_time_to_live(const struct filesystem *fs);
/* Whether something read at `fetched` in directory `member` of `node` was forgotten since. */
bool fresh_is_forgotten(const struct node *node, uint8_t member, int64_t fetched);
/* What the server was asked for since the request began is new enough for it, whatever came then.
 */
bool fresh_answer(const struct request *request, int64_t fetched);
/* What was read at `fetched` in directory `member` of `node`. */
bool fresh_reading(const struct request *request, const struct filesystem *fs,
                   const struct node *node, uint8_t member, int64_t fetched);
/* A listing of the place. */
bool fresh_listing(const struct request *request, const struct filesystem *fs, struct place place,
                   const struct listing *listing);
/* A node, by its own time or as part of a listing. */
bool fresh_node(const struct request *request, const struct filesystem *fs,
                const struct node *node);

/* The last complete listing of the place, however old; borrowed, NULL: none. */
struct listing *fresh_last_listing(struct place place);
/* What has come of the directory's listing that is on its way and may be shown; else NULL. */
struct listing *fresh_part(const struct request *request, const struct filesystem *fs,
                           struct place place);
/* The listing of the place that is on its way, or a new one, with a reference; NULL: no memory. */
struct listing *fresh_growing(struct filesystem *fs, const struct request *request,
                              struct place place);

#endif
