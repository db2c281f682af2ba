/* SPDX-License-Identifier: MIT */
#include "json_text.h"

#include "base/banned.h"
#include "base/utf8.h"
#include "json_memory.h"

#include <stdint.h>

enum {
    MAPPED_SIZE = 4,      /* bytes of one mapped byte in UTF-8 */
    NESTED_VALUES = 2048, /* jansson's own limit; the tree is walked recursively */
    /* What a body and its tree may take in memory: so many times the body, or as much as honest
     * answers of many small values need. */
    TIMES_BODY = 4,
    SMALL_TREE = 8 << 20,
    /* Bytes that jansson and the allocator take for a value, and for its place in what holds it. */
    OBJECT_SIZE = 240 + 2 * JSON_HEADER_SIZE,
    ARRAY_SIZE = 144 + 2 * JSON_HEADER_SIZE,
    STRING_SIZE = 72 + 2 * JSON_HEADER_SIZE,
    NUMBER_SIZE = 32 + JSON_HEADER_SIZE,
    MEMBER_SIZE = 112 + JSON_HEADER_SIZE,
    ITEM_SIZE = 16,
};

/* The code points U+10FF80 … U+10FFFF are F4 8F BE 80 … F4 8F BF BF. */
static bool is_mapped(const unsigned char *bytes, size_t size)
{
    return size >= MAPPED_SIZE && bytes[0] == 0xf4 && bytes[1] == 0x8f &&
           (bytes[2] & 0xfe) == 0xbe && (bytes[3] & 0xc0) == 0x80;
}

static void map_byte(unsigned char byte, struct buf *out)
{
    const unsigned char mapped[MAPPED_SIZE] = {0xf4, 0x8f, byte & 0x40 ? 0xbf : 0xbe,
                                               0x80 | (byte & 0x3f)};
    buf_append(out, mapped, sizeof mapped);
}

/* Turns mapped bytes back, in place; returns the new size. */
static size_t unmap(char *text, size_t size)
{
    const unsigned char *from = (const unsigned char *)text, *end = from + size;
    unsigned char *to = (unsigned char *)text;
    while (from < end) {
        if (is_mapped(from, (size_t)(end - from))) {
            *to++ = 0x80 | (from[2] & 1) << 6 | (from[3] & 0x3f);
            from += MAPPED_SIZE;
        } else {
            *to++ = *from++;
        }
    }
    return (size_t)(to - (unsigned char *)text);
}

/* One scan over a body. Odd places are replaced in `out`, which holds all before `copied`; it is
 * not used at all when nothing is odd. */
struct repair {
    const unsigned char *at;
    const unsigned char *end;
    const unsigned char *copied;
    struct buf out;
    bool mapped;
};

/* Puts the bytes from `copied` to `from` into the output and goes on after `to`. The caller then
 * appends what stands for from … to. */
static void replace(struct repair *repair, const unsigned char *from, const unsigned char *to)
{
    buf_append(&repair->out, repair->copied, (size_t)(from - repair->copied));
    repair->copied = to;
    repair->at = to;
}

static void map_bytes(struct repair *repair, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        map_byte(bytes[i], &repair->out);
    repair->mapped = true;
}

/* The four hex digits of an escape \uXXXX at `at`, -1 when it is none. */
static int escaped_unit(const unsigned char *at, const unsigned char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = at[i] >= '0' && at[i] <= '9'   ? at[i] - '0'
                    : at[i] >= 'a' && at[i] <= 'f' ? at[i] - 'a' + 10
                    : at[i] >= 'A' && at[i] <= 'F' ? at[i] - 'A' + 10
                                                   : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static void repair_escape(struct repair *repair)
{
    const unsigned char *start = repair->at;
    int first = escaped_unit(start, repair->end);
    if (first < 0xd800 || first > 0xdfff) {
        repair->at += repair->end - start > 1 ? 2 : 1;
        return;
    }
    int second = first < 0xdc00 ? escaped_unit(start + 6, repair->end) : -1;
    if (second < 0xdc00 || second > 0xdfff) {
        unsigned char lone[] = {0xed, 0x80 | (first >> 6 & 0x3f), 0x80 | (first & 0x3f)};
        replace(repair, start, start + 6);
        map_bytes(repair, lone, sizeof lone);
        return;
    }
    if (first == 0xdbff && second >= 0xdf80) { /* U+10FF80 and on: mean mapped bytes */
        unsigned char genuine[] = {0xf4, 0x8f, 0xbe | (second >> 6 & 1), 0x80 | (second & 0x3f)};
        replace(repair, start, start + 12);
        map_bytes(repair, genuine, sizeof genuine);
        return;
    }
    repair->at += 12;
}

static void repair_high_byte(struct repair *repair)
{
    const unsigned char *start = repair->at;
    size_t room = (size_t)(repair->end - start);
    size_t length = utf8_sequence(start, room);
    if (length && !is_mapped(start, room)) {
        repair->at += length;
        return;
    }
    size_t odd = length ? length : 1;
    replace(repair, start, start + odd);
    map_bytes(repair, start, odd);
}

/* From after the opening quote to after the closing one. */
static void repair_string(struct repair *repair)
{
    while (repair->at < repair->end) {
        unsigned char byte = *repair->at;
        if (byte >= 0x80) {
            repair_high_byte(repair);
        } else if (byte == '"') {
            repair->at++;
            return;
        } else if (byte == '\\') {
            repair_escape(repair);
        } else if (byte < 0x20) {
            replace(repair, repair->at, repair->at + 1);
            buf_printf(&repair->out, "\\u%04x", byte);
        } else {
            repair->at++;
        }
    }
}

/* Whether int64_t or double certainly holds the number: 18 digits always fit, as do short numbers
 * with a fraction and with an exponent of two digits. */
static bool number_fits(const unsigned char *number, size_t size)
{
    size_t exponent = 0, mantissa = 0;
    bool integer = true;
    for (size_t i = 0; i < size; i++) {
        if (number[i] == 'e' || number[i] == 'E')
            exponent = size - i;
        if (number[i] == '.' || exponent)
            integer = false;
        mantissa += exponent == 0;
    }
    return integer ? size <= 18 : mantissa <= 64 && exponent <= 3;
}

static void repair_number(struct repair *repair)
{
    const unsigned char *start = repair->at, *end = start;
    while (end < repair->end &&
           ((*end >= '0' && *end <= '9') || (*end && strchr("+-.eE", *end) != NULL)))
        end++;
    if (number_fits(start, (size_t)(end - start))) {
        repair->at = end;
        return;
    }
    replace(repair, start, end);
    buf_putc(&repair->out, '"');
    buf_append(&repair->out, start, (size_t)(end - start));
    buf_putc(&repair->out, '"');
}

bool json_repair(struct buf *body, size_t ceiling, bool *mapped)
{
    const unsigned char *bytes = (const unsigned char *)body->data;
    struct repair repair = {.at = bytes, .end = bytes + body->size, .copied = bytes};
    buf_init(&repair.out, ceiling);
    while (repair.at < repair.end) {
        unsigned char byte = *repair.at;
        if (byte == '"') {
            repair.at++;
            repair_string(&repair);
        } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
            repair_number(&repair);
        } else {
            repair.at++;
        }
    }
    *mapped = repair.mapped;
    if (repair.copied == bytes)
        return true;
    replace(&repair, repair.end, repair.end);
    if (repair.out.failed) {
        buf_release(&repair.out);
        return false;
    }
    buf_release(body);
    *body = repair.out;
    return true;
}

/* Turns mapped bytes back in every string of the tree. False: no memory. */
static bool unmap_strings(json_t *json, int depth)
{
    const char *key;
    json_t *value;
    size_t index;
    if (depth > NESTED_VALUES)
        return true;
    if (json_is_string(json)) {
        size_t size = json_string_length(json);
        cleanup_free char *copy = malloc(size + 1);
        if (!copy)
            return false;
        memcpy(copy, json_string_value(json), size);
        return json_string_setn_nocheck(json, copy, unmap(copy, size)) == 0;
    }
    json_object_foreach(json, key, value)
    {
        if (!unmap_strings(value, depth + 1))
            return false;
    }
    json_array_foreach(json, index, value)
    {
        if (!unmap_strings(value, depth + 1))
            return false;
    }
    return true;
}

/* After the opening quote; returns what follows the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at < end ? at + 1 : end;
}

/* About what the tree of a text takes in memory; a little more, rather than less. */
static size_t tree_size(const char *at, const char *end)
{
    size_t size = 0;
    while (at < end) {
        const char *start = at++;
        switch (*start) {
        case '{':
            size += OBJECT_SIZE;
            break;
        case '[':
            size += ARRAY_SIZE;
            break;
        case '"':
            at = skip_string(at, end);
            size += STRING_SIZE + (size_t)(at - start);
            break;
        case ':':
            size += MEMBER_SIZE - STRING_SIZE; /* a key is part of its member */
            break;
        case ',':
            size += ITEM_SIZE;
            break;
        default:
            if (*start == '-' || (*start >= '0' && *start <= '9')) {
                at += strspn(at, "0123456789.eE+-");
                size += NUMBER_SIZE;
            }
        }
    }
    return size;
}

/* What the tree may take when the body as it came had so many bytes. */
static size_t most_memory(size_t body, size_t memory)
{
    size_t most = body > SIZE_MAX / TIMES_BODY ? SIZE_MAX : body * TIMES_BODY;
    if (most < SMALL_TREE)
        most = SMALL_TREE;
    return most < memory ? most : memory;
}

json_t *json_parse_part(const char *text, size_t size, bool mapped)
{
    json_t *json = json_load(text, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    if (!json || !mapped || unmap_strings(json, 0))
        return json;
    json_decref(json);
    return NULL;
}

json_t *json_parse(struct buf *body, size_t memory, char *problem, size_t problem_size)
{
    bool mapped = false;
    size_t most = most_memory(body->size, memory);
    if (body->size == 0) {
        snprintf(problem, problem_size, "empty");
        return NULL;
    }
    if (body->size > most || !json_repair(body, most - body->size, &mapped) ||
        tree_size(body->data, body->data + body->size) > most - body->size) {
        snprintf(problem, problem_size, "it would take more memory than an answer may");
        return NULL;
    }
    json_error_t error;
    json_t *json = json_load(body->data, body->size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!json) {
        snprintf(problem, problem_size, "%s (at byte %d)", error.text, error.position);
        return NULL;
    }
    if (mapped && !unmap_strings(json, 0)) {
        json_decref(json);
        snprintf(problem, problem_size, "out of memory");
        return NULL;
    }
    return json;
}

struct text json_text_of(const json_t *json)
{
    if (!json_is_string(json))
        return (struct text){0};
    return (struct text){.bytes = json_string_value(json), .size = json_string_length(json)};
}

json_t *json_from_text(struct text text)
{
    if (!text.bytes)
        return json_null();
    json_t *plain = json_stringn(text.bytes, text.size);
    if (plain && !memmem(text.bytes, text.size, "\xf4\x8f", 2))
        return plain;
    json_decref(plain);
    cleanup_buf struct buf mapped;
    buf_init(&mapped, text.size * MAPPED_SIZE);
    const unsigned char *at = (const unsigned char *)text.bytes;
    for (size_t left = text.size; left > 0;) {
        size_t length = utf8_sequence(at, left);
        bool odd = length == 0 || is_mapped(at, left);
        if (length == 0)
            length = 1;
        for (size_t i = 0; odd && i < length; i++)
            map_byte(at[i], &mapped);
        if (!odd)
            buf_append(&mapped, at, length);
        at += length;
        left -= length;
    }
    return mapped.failed ? NULL : json_stringn(mapped.data, mapped.size);
}

static int append_bytes(const char *bytes, size_t size, void *out)
{
    return buf_append(out, bytes, size) ? 0 : -1;
}

/* Whether the text starts with two surrogates whose escapes would be read as one character. */
static bool is_surrogate_pair(const char *text, size_t size)
{
    return size >= 2 * SURROGATE_SIZE && ((unsigned char)text[1] & 0xf0) == 0xa0 &&
           text_is_surrogate((struct text){text + SURROGATE_SIZE, size - SURROGATE_SIZE}) &&
           ((unsigned char)text[SURROGATE_SIZE + 1] & 0xf0) == 0xb0;
}

/* Writes lone surrogates, which are three bytes that no UTF-8 has, as the escapes they came as. */
static bool append_with_surrogates(const char *text, size_t size, struct buf *out)
{
    for (size_t at = 0; at < size;) {
        const char *found = memchr(text + at, '\xed', size - at);
        size_t end = found ? (size_t)(found - text) : size;
        buf_append(out, text + at, end - at);
        at = end;
        struct text rest = {text + at, size - at};
        if (text_is_surrogate(rest) && is_surrogate_pair(rest.bytes, rest.size)) {
            buf_append(out, rest.bytes, 2 * SURROGATE_SIZE);
            at += 2 * SURROGATE_SIZE;
        } else if (text_is_surrogate(rest)) {
            buf_printf(out, "\\u%04x",
                       0xd000u | (text[at + 1] & 0x3fu) << 6 | (text[at + 2] & 0x3fu));
            at += SURROGATE_SIZE;
        } else if (at < size) {
            buf_putc(out, text[at++]);
        }
    }
    return !out->failed;
}

bool json_write(const json_t *json, struct buf *out)
{
    cleanup_buf struct buf plain;
    buf_init(&plain, out->ceiling);
    if (json_dump_callback(json, append_bytes, &plain, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        return false;
    return append_with_surrogates(plain.data, unmap(plain.data, plain.size), out);
}
