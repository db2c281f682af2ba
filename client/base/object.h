/* SPDX-License-Identifier: MIT */
/*
 * Values from the server: immutable, shared by reference counting, each one
 * malloc block that holds its struct and all its texts (100,000 versions must
 * stay small). Any thread may take and drop references.
 */
#ifndef BASE_OBJECT_H
#define BASE_OBJECT_H

#include "cleanup.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a text. `bytes` is NULL for null; NUL bytes may occur inside; one NUL follows the last.
 */
struct text {
    const char *bytes;
    size_t size;
};

/* An ordered list of texts. */
struct texts {
    const struct text *items;
    size_t count;
};

/* First member of every object. */
struct object {
    atomic_uint references;
};

/* Where the texts of an object type are: byte offsets into its struct, each list ended by -1. */
struct object_layout {
    size_t size;
    const int *texts;      /* members of type struct text */
    const int *text_lists; /* members of type struct texts */
};

/* Copies a struct whose texts are borrowed into one new block with one reference; NULL: no memory.
 */
void *object_pack(const void *borrowed, const struct object_layout *layout);

/* Takes a reference; returns its argument. NULL is allowed. */
void *object_ref(const void *object);
/* Drops a reference; frees with the last one. NULL is allowed. */
void object_unref(const void *object);

/* For a local pointer to an object of any type. */
void object_unref_pointer(void *pointer_to_pointer);
#define cleanup_object cleanup(object_unref_pointer)

/* A growable list that owns one reference of each item. */
struct object_list {
    void **items;
    size_t count;
    size_t capacity;
};

/* Takes over the caller's reference; on failure (no memory) drops it and returns false. */
bool object_list_steal(struct object_list *list, void *object);
void object_list_release(struct object_list *list);
#define cleanup_object_list cleanup(object_list_release)

struct text text_of(const char *string);
/* For messages: the text's bytes up to its first NUL, "" for null. */
static inline const char *text_or_empty(struct text text)
{
    return text.bytes ? text.bytes : "";
}
bool text_equal(struct text a, struct text b);
/* Bytewise order, a prefix first; null is the empty text. */
int text_compare(struct text a, struct text b);
bool text_is(struct text text, const char *string);

/* Whether the text begins with a lone surrogate, in the three bytes that json_text.h makes of one.
 */
enum { SURROGATE_SIZE = 3 };
bool text_is_surrogate(struct text text);

#endif
