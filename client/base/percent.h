/* SPDX-License-Identifier: MIT */
/* Percent-encoding of what stands in a URL (RFC 3986). */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "buf.h"
#include "object.h"

/* Appends the text with all but unreserved characters as %XX, also slashes. False: no memory or
 * over the ceiling. */
bool percent_append(struct buf *url, struct text text);

#endif
