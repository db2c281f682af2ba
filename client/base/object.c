/* SPDX-License-Identifier: MIT */
#include "object.h"

#include "banned.h"

#include <stdint.h>

static struct text *text_at(void *object, int offset)
{
    return (struct text *)(void *)((char *)object + offset);
}

static struct texts *texts_at(void *object, int offset)
{
    return (struct texts *)(void *)((char *)object + offset);
}

/* Bytes of all texts with their NULs. */
static size_t packed_bytes(void *object, const struct object_layout *layout)
{
    size_t bytes = 0;
    for (const int *at = layout->texts; *at >= 0; at++) {
        struct text *text = text_at(object, *at);
        bytes += text->bytes ? text->size + 1 : 0;
    }
    for (const int *at = layout->text_lists; *at >= 0; at++) {
        struct texts *list = texts_at(object, *at);
        for (size_t i = 0; i < list->count; i++)
            bytes += list->items[i].bytes ? list->items[i].size + 1 : 0;
    }
    return bytes;
}

static void move_text(struct text *text, char **place)
{
    if (!text->bytes)
        return;
    memcpy(*place, text->bytes, text->size);
    (*place)[text->size] = '\0';
    text->bytes = *place;
    *place += text->size + 1;
}

void *object_pack(const void *borrowed, const struct object_layout *layout)
{
    size_t list_bytes = 0;
    void *source = (void *)(uintptr_t)borrowed;
    for (const int *at = layout->text_lists; *at >= 0; at++)
        list_bytes += texts_at(source, *at)->count * sizeof(struct text);
    char *block = malloc(layout->size + list_bytes + packed_bytes(source, layout));
    if (!block)
        return NULL;
    memcpy(block, borrowed, layout->size);
    struct text *items = (struct text *)(void *)(block + layout->size);
    char *place = block + layout->size + list_bytes;
    for (const int *at = layout->texts; *at >= 0; at++)
        move_text(text_at(block, *at), &place);
    for (const int *at = layout->text_lists; *at >= 0; at++) {
        struct texts *list = texts_at(block, *at);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        for (size_t i = 0; i < list->count; i++)
            move_text(&items[i], &place);
        list->items = items;
        items += list->count;
    }
    atomic_init(&((struct object *)(void *)block)->references, 1);
    return block;
}

void *object_ref(const void *object)
{
    struct object *counted = (struct object *)(uintptr_t)object;
    if (counted)
        atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
    return counted;
}

void object_unref(const void *object)
{
    struct object *counted = (struct object *)(uintptr_t)object;
    if (counted && atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) == 1)
        free(counted);
}

void object_unref_pointer(void *pointer_to_pointer)
{
    object_unref(*(void **)pointer_to_pointer);
}

bool object_list_steal(struct object_list *list, void *object)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity + list->capacity / 2 : 16;
        void **items = realloc(list->items, capacity * sizeof *items);
        if (!items) {
            object_unref(object);
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = object;
    return true;
}

void object_list_release(struct object_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        object_unref(list->items[i]);
    free(list->items);
    *list = (struct object_list){0};
}

struct text text_of(const char *string)
{
    return (struct text){.bytes = string, .size = string ? strlen(string) : 0};
}

bool text_equal(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

int text_compare(struct text a, struct text b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter ? memcmp(a.bytes, b.bytes, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool text_is(struct text text, const char *string)
{
    return text_equal(text, text_of(string));
}

bool text_is_surrogate(struct text text)
{
    return text.size >= SURROGATE_SIZE && text.bytes[0] == '\xed' &&
           ((unsigned char)text.bytes[1] & 0xe0) == 0xa0 &&
           ((unsigned char)text.bytes[2] & 0xc0) == 0x80;
}
