/* SPDX-License-Identifier: MIT */
/* Members of one object of an answer. A member of an unexpected type counts as null and is
 * remembered, so that the caller can report it once it knows the object's name. */
#ifndef CLIENT_JSON_READER_H
#define CLIENT_JSON_READER_H

#include "base/object.h"

#include <jansson.h>

struct json_reader {
    const json_t *object; /* borrowed; anything but an object has no members */
    const char *odd;      /* the first member of an unexpected type, NULL: none */
};

struct text json_reader_text(struct json_reader *reader, const char *member);
/* Numbers come as JSON numbers or as text (protocol 5.8); out of range: the nearest int64_t. */
int64_t json_reader_int64(struct json_reader *reader, const char *member, int64_t if_null);
bool json_reader_bool(struct json_reader *reader, const char *member, bool if_null);
/* Borrowed; NULL for null. */
const json_t *json_reader_object(struct json_reader *reader, const char *member);
const json_t *json_reader_array(struct json_reader *reader, const char *member);

/* Follows members of nested objects, the last argument is NULL; NULL when one is null. */
const json_t *json_at(const json_t *json, const char *member, ...) __attribute__((sentinel));

/* The texts of a list while it is read; they are borrowed. Start with zeros. */
struct text_list {
    struct text *items;
    size_t count;
    size_t capacity;
};

/* Null and empty texts are passed over. False: no memory. */
bool text_list_add(struct text_list *list, struct text text);
/* Adds the member's text of each object in the array; connections: of edges[].node. */
bool text_list_add_members(struct text_list *list, const json_t *array, const char *member);
bool text_list_add_nodes(struct text_list *list, const json_t *connection, const char *member);
/* Bytewise order, each text once. */
void text_list_sort(struct text_list *list);
struct texts text_list_texts(const struct text_list *list);
void text_list_release(struct text_list *list);
#define cleanup_text_list cleanup(text_list_release)

#endif
