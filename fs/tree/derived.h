/* SPDX-License-Identifier: MIT */
/* Listings that follow from another directory's: nobody is asked for them alone. Everything needs
 * nodes->lock. */
#ifndef FS_DERIVED_H
#define FS_DERIVED_H

#include "inode/filesystem.h"

/* The directory whose listing brings the entries of `place`, most often itself. */
struct place derived_source(struct place place);
/* The last complete listing of the place, however old; borrowed, NULL: none. */
struct listing *derived_listing(struct place place);
/* Brings the listing of the place up to what is known of its source. */
void derive(struct filesystem *fs, struct place place);

#endif
