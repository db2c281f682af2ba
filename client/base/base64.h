/* SPDX-License-Identifier: MIT */
/* Base64 with the standard alphabet and padding (RFC 4648, section 4). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <sys/types.h>

/* Room for the encoding of `size` bytes with its NUL. */
#define BASE64_ROOM(size) (((size) + 2) / 3 * 4 + 1)

void base64_encode(const char *bytes, size_t size, char *encoded);

/* How many bytes were decoded; -1 when the text is not Base64 or there are more than `room`. */
ssize_t base64_decode(const char *text, size_t size, char *bytes, size_t room);

#endif
