/* SPDX-License-Identifier: MIT */
#include "json_reader.h"

#include "base/banned.h"
#include "json_text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>

/* The member if it is there and not null. */
static const json_t *member_of(const struct json_reader *reader, const char *member)
{
    const json_t *value = json_object_get(reader->object, member);
    return json_is_null(value) ? NULL : value;
}

static void remember_odd(struct json_reader *reader, const char *member)
{
    if (!reader->odd)
        reader->odd = member;
}

struct text json_reader_text(struct json_reader *reader, const char *member)
{
    const json_t *value = member_of(reader, member);
    if (value && !json_is_string(value))
        remember_odd(reader, member);
    return json_text_of(value);
}

static int64_t nearest_int64(double number)
{
    if (number >= 9223372036854775807.0)
        return INT64_MAX;
    if (number <= -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)number;
}

/* Decimal text; false when it is no number. */
static bool int64_of_text(struct text text, int64_t *number)
{
    static const char allowed[] = "+-.eE0123456789";
    if (text.size == 0 || strlen(text.bytes) != text.size ||
        strspn(text.bytes, allowed) != text.size)
        return false;
    char *end;
    *number = strtoll(text.bytes, &end, 10);
    if (*end == '\0')
        return true;
    double real = strtod(text.bytes, &end);
    if (*end != '\0' || isnan(real))
        return false;
    *number = nearest_int64(real);
    return true;
}

int64_t json_reader_int64(struct json_reader *reader, const char *member, int64_t if_null)
{
    const json_t *value = member_of(reader, member);
    int64_t number;
    if (!value)
        return if_null;
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_real(value))
        return nearest_int64(json_real_value(value));
    if (json_is_string(value) && int64_of_text(json_text_of(value), &number))
        return number;
    remember_odd(reader, member);
    return if_null;
}

bool json_reader_bool(struct json_reader *reader, const char *member, bool if_null)
{
    const json_t *value = member_of(reader, member);
    if (!value)
        return if_null;
    if (json_is_boolean(value))
        return json_is_true(value);
    remember_odd(reader, member);
    return if_null;
}

const json_t *json_reader_object(struct json_reader *reader, const char *member)
{
    const json_t *value = member_of(reader, member);
    if (value && !json_is_object(value)) {
        remember_odd(reader, member);
        return NULL;
    }
    return value;
}

const json_t *json_reader_array(struct json_reader *reader, const char *member)
{
    const json_t *value = member_of(reader, member);
    if (value && !json_is_array(value)) {
        remember_odd(reader, member);
        return NULL;
    }
    return value;
}

const json_t *json_at(const json_t *json, const char *member, ...)
{
    va_list members;
    va_start(members, member);
    for (; member && json; member = va_arg(members, const char *))
        json = json_object_get(json, member);
    va_end(members);
    return json_is_null(json) ? NULL : json;
}

bool text_list_add(struct text_list *list, struct text text)
{
    if (text.size == 0)
        return true;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct text *items = realloc(list->items, capacity * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = text;
    return true;
}

bool text_list_add_members(struct text_list *list, const json_t *array, const char *member)
{
    const json_t *item;
    size_t index;
    json_array_foreach(array, index, item)
    {
        if (!text_list_add(list, json_text_of(json_object_get(item, member))))
            return false;
    }
    return true;
}

bool text_list_add_nodes(struct text_list *list, const json_t *connection, const char *member)
{
    const json_t *edge;
    size_t index;
    json_array_foreach(json_at(connection, "edges", NULL), index, edge)
    {
        if (!text_list_add(list, json_text_of(json_at(edge, "node", member, NULL))))
            return false;
    }
    return true;
}

static int compare_texts(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

void text_list_sort(struct text_list *list)
{
    if (list->count < 2)
        return;
    qsort(list->items, list->count, sizeof *list->items, compare_texts);
    size_t kept = 1;
    for (size_t i = 1; i < list->count; i++) {
        if (!text_equal(list->items[i], list->items[kept - 1]))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

struct texts text_list_texts(const struct text_list *list)
{
    return (struct texts){.items = list->items, .count = list->count};
}

void text_list_release(struct text_list *list)
{
    free(list->items);
    *list = (struct text_list){0};
}
