/* SPDX-License-Identifier: MIT */
/* From a file name to a filter's JSON (filter.h). */
#include "filter.h"
#include "filter_field.h"
#include "json_scanner.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char letter = (char)(digit | 0x20);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Appends text with its %XX turned into bytes. */
static int decode(const char *text, size_t size, struct buf *out, struct error *error)
{
    for (size_t at = 0; at < size; at++) {
        int high = text[at] == '%' && at + 2 < size ? hex_value(text[at + 1]) : -1;
        int low = high >= 0 ? hex_value(text[at + 2]) : -1;
        char byte = text[at];
        if (low >= 0) {
            byte = (char)(high << 4 | low);
            at += 2;
        }
        if (!byte)
            return error_set(error, ERROR_INVALID, "a filter holds no %%00");
        buf_putc(out, byte);
    }
    return 0;
}

static void trim(const char **text, size_t *size)
{
    while (*size && **text == ' ') {
        (*text)++;
        (*size)--;
    }
    while (*size && (*text)[*size - 1] == ' ')
        (*size)--;
}

static bool is_whole_number(const char *text, size_t size)
{
    size_t digits = strspn(text, "0123456789");
    return size > 0 && digits == size && (text[0] != '0' || size == 1);
}

/* Whether the text is one JSON value that is no object or list. */
static bool is_scalar(const char *text, size_t size)
{
    struct error ignored = {0};
    struct json_scanner scanner;
    struct json_token token;
    json_scanner_init(&scanner, text, size, 0, &ignored);
    return json_scan_value(&scanner, &token) == 0 && token.size == size;
}

static void write_text(const struct buf *text, struct buf *json)
{
    buf_putc(json, '"');
    json_escape(text->data ? text->data : "", text->size, json);
    buf_putc(json, '"');
}

static void write_value(const struct buf *value, enum filter_value type, struct buf *json)
{
    const char *text = value->data ? value->data : "";
    bool plain = (type == FILTER_VALUE_WHOLE_NUMBER && is_whole_number(text, value->size)) ||
                 (type == FILTER_VALUE_ANY && is_scalar(text, value->size));
    if (plain)
        buf_append(json, text, value->size);
    else
        write_text(value, json);
}

/* One FIELD=VALUE as a member of an object. */
static int write_pair(const char *pair, size_t size, struct buf *json, struct error *error)
{
    const char *equals = memchr(pair, '=', size);
    if (!equals)
        return error_set(error, ERROR_INVALID,
                         "a filter is FIELD=VALUE,... or JSON such as {\"tag\":\"prod\"}: there is "
                         "no = in \"%.*s\"",
                         size > 100 ? 100 : (int)size, pair);
    const char *name = pair;
    size_t name_size = (size_t)(equals - pair);
    cleanup_buf struct buf field, value;
    buf_init(&field, FILTER_SIZE);
    buf_init(&value, FILTER_SIZE);
    trim(&name, &name_size);
    if (name_size == 0)
        return error_set(error, ERROR_INVALID, "a field is missing before the = in \"%.*s\"",
                         size > 100 ? 100 : (int)size, pair);
    if (decode(name, name_size, &field, error) != 0 ||
        decode(equals + 1, size - (size_t)(equals + 1 - pair), &value, error) != 0)
        return -1;
    if (field.failed || value.failed)
        return error_set(error, ERROR_LOCAL, "out of memory");
    write_text(&field, json);
    buf_putc(json, ':');
    write_value(&value, filter_field_value(field.data, field.size), json);
    return 0;
}

/* The field of a pair, trimmed. */
static const char *field_of(const char *pair, size_t *size)
{
    *size = strcspn(pair, "=,");
    trim(&pair, size);
    return pair;
}

/* Whether a field stands in two of the pairs: then one object cannot hold both. */
static bool repeats_field(const char *query)
{
    for (const char *pair = query; pair; pair = strchr(pair, ',')) {
        pair += *pair == ',';
        size_t size, other_size;
        const char *field = field_of(pair, &size);
        for (const char *other = strchr(pair, ','); other; other = strchr(other + 1, ',')) {
            const char *other_field = field_of(other + 1, &other_size);
            if (size == other_size && memcmp(field, other_field, size) == 0)
                return true;
        }
    }
    return false;
}

static int write_pairs(const char *query, struct buf *json, struct error *error)
{
    bool apart = repeats_field(query);
    buf_puts(json, apart ? "{\"$and\":[{" : "{");
    for (const char *pair = query;;) {
        size_t size = strcspn(pair, ",");
        if (write_pair(pair, size, json, error) != 0)
            return -1;
        pair += size;
        if (!*pair)
            break;
        pair++;
        buf_puts(json, apart ? "},{" : ",");
    }
    buf_puts(json, apart ? "}]}" : "}");
    return 0;
}

int filter_read(const char *query, char **json, struct error *error)
{
    cleanup_buf struct buf text;
    buf_init(&text, 8 * FILTER_SIZE);
    size_t size = strlen(query);
    if (size > FILTER_SIZE)
        return error_set(error, ERROR_INVALID, "a filter has at most %d bytes", FILTER_SIZE);
    const char *start = query;
    trim(&start, &size);
    int result =
        *start == '{' ? decode(start, size, &text, error) : write_pairs(query, &text, error);
    if (result != 0)
        return -1;
    *json = buf_steal(&text);
    return *json ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}
