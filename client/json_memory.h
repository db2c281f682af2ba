/* SPDX-License-Identifier: MIT */
/*
 * jansson's memory. Its parser ignores that the text of a token could not grow (jansson issue 362):
 * a byte is lost in silence, or an assertion ends the program. So the first allocation that fails
 * ends the parsing here, and what it had allocated is freed.
 */
#ifndef CLIENT_JSON_MEMORY_H
#define CLIENT_JSON_MEMORY_H

#include <jansson.h>
#include <stddef.h>

/* Bytes that each of jansson's allocations takes beside the allocator's. */
enum { JSON_HEADER_SIZE = 16 };

/* json_loadb(). NULL: not JSON, or no memory; *error, which may be NULL, has the words. */
json_t *json_load(const char *text, size_t size, size_t flags, json_error_t *error);

/* json_dumps(), whose result free() could not take. The caller's to free(); NULL: no memory. */
char *json_to_text(const json_t *json, size_t flags);

#endif
