/* SPDX-License-Identifier: MIT */
/*
 * File names for the server's names and back (design 2, Names). The mapping is
 * injective for names that are not cut; a cut name carries a hash of the whole
 * and is resolved by listing.
 */
#ifndef FS_NAME_H
#define FS_NAME_H

#include "base/object.h"

#include <stdbool.h>

/* U+FFFD, which stands for a lone surrogate (design 2). */
#define REPLACEMENT_CHARACTER "\xef\xbf\xbd"

enum { NAME_LIMIT = 255, NAME_KEPT_WHEN_CUT = 246 };

/* Writes the file name of a non-empty server name, NUL-terminated. `salt` 0; another value gives a
 * cut name other hash digits, for two names whose digits meet in one directory. */
void name_escape(struct text original, unsigned salt, char escaped[NAME_LIMIT + 1]);

/* Whether the name ends like a cut one: then only a listing can tell what it stands for. */
bool name_is_cut(const char *escaped);

/* Whether more than one server name can have this file name: it is cut, or shows U+FFFD. */
bool name_needs_listing(const char *escaped);

/* The server's name of a file name that is not cut; malloc'ed into `original`. False: no server
 * name has this file name, or no memory. */
bool name_unescape(const char *escaped, struct text *original);

#endif
