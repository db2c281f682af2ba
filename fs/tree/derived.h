/* SPDX-License-Identifier: MIT */
/* Listings that follow from another directory's: nobody is asked for them alone. Everything needs
 * nodes->lock. */
#ifndef FS_DERIVED_H
#define FS_DERIVED_H

#include "inode/filesystem.h"

/* The directory whose listing brings the entries of `place`, most often itself. */
struct place derived_source(struct place place);
/* Brings the listing of the place up to what is known of its source. */
void derive(struct filesystem *fs, struct place place);

/* One entry as far as it is in memory, however old. NULL: it is not. */
struct node *derived_entry(struct filesystem *fs, struct place place, const char *name);
/* Notes that the server, asked for one entry at `gone`, did not have it (0: it has): listings from
 * before then bring it back no more. */
void derived_note_entry(struct filesystem *fs, struct place place, const char *name, int64_t gone);
/* Whether a listing that is fresh by the time limit alone has arrived since then. One that was
 * there before is not what somebody waits for: only a part of it may have been forgotten. */
bool derived_listing_came(struct filesystem *fs, struct place place, int64_t since);

#endif
