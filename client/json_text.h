/* SPDX-License-Identifier: MIT */
/*
 * Between the server's JSON and our bytes. jansson refuses a whole document for one odd value, so a
 * body passes json_repair() first, which costs one scan when nothing is odd:
 *   - escapes of lone surrogates become the three bytes that UTF-8 would have for them, so that
 *     the server can be asked for what has such a name; people are shown U+FFFD (design 2);
 *   - bytes of a string that are no UTF-8 become code points U+10FF80 … U+10FFFF, one for each byte
 *     0x80 … 0xff, and are turned back after parsing; genuine uses of those code points take the
 *     same way, byte by byte, so that two different texts never meet;
 *   - raw control bytes in a string are escaped;
 *   - numbers that may not fit int64_t or double become strings.
 */
#ifndef CLIENT_JSON_TEXT_H
#define CLIENT_JSON_TEXT_H

#include "base/buf.h"
#include "base/object.h"

#include <jansson.h>

static inline void json_decref_pointer(json_t **json)
{
    json_decref(*json);
}
#define cleanup_json cleanup(json_decref_pointer)

/* Repairs in place. *mapped tells whether strings hold mapped bytes. False: no memory, or more than
 * `ceiling` bytes afterwards. */
bool json_repair(struct buf *body, size_t ceiling, bool *mapped);

/* Repairs and parses; the body is changed. The body, repaired, and the tree that is made of it take
 * at most `memory` bytes, and at most four times the body unless that is little. NULL: not JSON,
 * too large, or no memory; `problem` says why. */
json_t *json_parse(struct buf *body, size_t memory, char *problem, size_t problem_size);
/* Parses a value that stands in a repaired text. NULL: not JSON, or no memory. */
json_t *json_parse_part(const char *text, size_t size, bool mapped);

/* Borrowed; null for anything but a string. */
struct text json_text_of(const json_t *json);

/* A new string of any bytes, JSON null for a null text. NULL: no memory. */
json_t *json_from_text(struct text text);

/* Appends the value as compact JSON, mapped bytes turned back. False: no memory or over the
 * ceiling. */
bool json_write(const json_t *json, struct buf *out);

#endif
