/* SPDX-License-Identifier: MIT */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid UTF-8 sequence at `bytes` (at least one), 0 when there is none. */
size_t utf8_sequence(const unsigned char *bytes, size_t size);

/* How far the bytes are valid UTF-8 without NUL. */
size_t utf8_valid_length(const char *bytes, size_t size);

/* Whether `bytes` (less than a whole sequence) could be the beginning of one. */
bool utf8_is_beginning(const char *bytes, size_t size);

#endif
