/* SPDX-License-Identifier: MIT */
/*
 * Lays out JSON by its tokens: numbers beyond 2^63 and the text of a float survive, as no parser
 * turns them into a number (design 2); strings are shown in UTF-8 instead of \u escapes, so that
 * people can read and grep them. Nothing is nested in recursion.
 */
#include "base/buf.h"
#include "client.h"

enum { NESTING_MOST = 10000, INDENT = 2 };

enum token { TOKEN_VALUE, TOKEN_STRING, TOKEN_PUNCTUATION, TOKEN_END, TOKEN_BROKEN };

struct formatter {
    const char *at;
    const char *end;
    const char *token; /* the latest token is token … at - 1 */
    struct buf *out;   /* NULL: only the size is wanted */
    size_t size;       /* of what was made */
    bool full;
    int depth;
    unsigned char inside[NESTING_MOST]; /* the bracket that each level was opened with */
};

static void put(struct formatter *formatter, const char *bytes, size_t size)
{
    formatter->size += size;
    formatter->full |= formatter->size >= METADATA_TEXT_CEILING; /* a line break is still to come */
    if (formatter->out)
        formatter->full |= !buf_append(formatter->out, bytes, size);
}

static void put_byte(struct formatter *formatter, char byte)
{
    put(formatter, &byte, 1);
}

static void skip_blanks(struct formatter *formatter)
{
    while (formatter->at < formatter->end && *formatter->at && strchr(" \t\r\n", *formatter->at))
        formatter->at++;
}

static bool is_hex(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

/* The length of an escape that starts with the backslash at `at`; 0: there is no such escape. */
static size_t escape_length(const char *at, const char *end)
{
    if (end - at < 2 || !at[1])
        return 0;
    if (strchr("\"\\/bfnrt", at[1]))
        return 2;
    if (at[1] != 'u' || end - at < 6)
        return 0;
    for (int i = 2; i < 6; i++) {
        if (!is_hex(at[i]))
            return 0;
    }
    return 6;
}

static enum token read_string(struct formatter *formatter)
{
    const char *at = formatter->at + 1;
    while (at < formatter->end && *at != '"') {
        if ((unsigned char)*at < 0x20)
            return TOKEN_BROKEN;
        size_t length = *at == '\\' ? escape_length(at, formatter->end) : 1;
        if (length == 0)
            return TOKEN_BROKEN;
        at += length;
    }
    if (at >= formatter->end)
        return TOKEN_BROKEN;
    formatter->at = at + 1;
    return TOKEN_STRING;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)? */
static enum token read_number(struct formatter *formatter)
{
    const char *end = formatter->end;
    const char *at = formatter->at + (*formatter->at == '-');
    const char *digits = at;
    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return TOKEN_BROKEN;
    if (at < end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return TOKEN_BROKEN;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return TOKEN_BROKEN;
    }
    formatter->at = at;
    return TOKEN_VALUE;
}

static enum token read_word(struct formatter *formatter)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(formatter->end - formatter->at) >= size &&
            memcmp(formatter->at, words[i], size) == 0) {
            formatter->at += size;
            return TOKEN_VALUE;
        }
    }
    return TOKEN_BROKEN;
}

static enum token next_token(struct formatter *formatter)
{
    skip_blanks(formatter);
    formatter->token = formatter->at;
    if (formatter->at == formatter->end)
        return TOKEN_END;
    char first = *formatter->at;
    if (first == '"')
        return read_string(formatter);
    if (first == '-' || (first >= '0' && first <= '9'))
        return read_number(formatter);
    if (!first || !strchr("{}[]:,", first))
        return read_word(formatter);
    formatter->at++;
    return TOKEN_PUNCTUATION;
}

/* The code unit of an escape \uXXXX at `at`; -1: there is none. */
static int escaped_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    char digits[5] = {at[2], at[3], at[4], at[5], 0};
    return (int)strtol(digits, NULL, 16);
}

static void put_utf8(struct formatter *formatter, unsigned code)
{
    if (code < 0x80) {
        put_byte(formatter, (char)code);
    } else if (code < 0x800) {
        put_byte(formatter, (char)(0xc0 | code >> 6));
        put_byte(formatter, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        put_byte(formatter, (char)(0xe0 | code >> 12));
        put_byte(formatter, (char)(0x80 | (code >> 6 & 0x3f)));
        put_byte(formatter, (char)(0x80 | (code & 0x3f)));
    } else {
        put_byte(formatter, (char)(0xf0 | code >> 18));
        put_byte(formatter, (char)(0x80 | (code >> 12 & 0x3f)));
        put_byte(formatter, (char)(0x80 | (code >> 6 & 0x3f)));
        put_byte(formatter, (char)(0x80 | (code & 0x3f)));
    }
}

/* One escape of a string; returns how many bytes it has. What JSON demands stays escaped. */
static size_t copy_escape(struct formatter *formatter, const char *at)
{
    const unsigned replacement = 0xfffd;
    int first = escaped_unit(at, formatter->at);
    if (at[1] == '/') {
        put_byte(formatter, '/');
        return 2;
    }
    if (first < 0x20 || first == '"' || first == '\\') {
        size_t length = first < 0 ? 2 : 6;
        put(formatter, at, length);
        return length;
    }
    int second = escaped_unit(at + 6, formatter->at);
    if (first >= 0xd800 && first < 0xdc00 && second >= 0xdc00 && second < 0xe000) {
        put_utf8(formatter,
                 0x10000 + ((unsigned)(first - 0xd800) << 10) + (unsigned)(second - 0xdc00));
        return 12;
    }
    bool lone = first >= 0xd800 && first < 0xe000;
    put_utf8(formatter, lone ? replacement : (unsigned)first);
    return 6;
}

static void copy_token(struct formatter *formatter)
{
    const char *at = formatter->token;
    while (at < formatter->at) {
        const char *escape = memchr(at, '\\', (size_t)(formatter->at - at));
        const char *end = escape ? escape : formatter->at;
        put(formatter, at, (size_t)(end - at));
        at = escape ? escape + copy_escape(formatter, escape) : end;
    }
}

static void new_line(struct formatter *formatter)
{
    static const char blanks[] = "                                ";
    size_t left = (size_t)formatter->depth * INDENT;
    put_byte(formatter, '\n');
    if (!formatter->out) {
        formatter->size += left;
        left = 0;
    }
    while (left > 0 && !formatter->full) {
        size_t some = left < sizeof blanks - 1 ? left : sizeof blanks - 1;
        put(formatter, blanks, some);
        left -= some;
    }
}

/* Whether the next token is this punctuation; if so it is consumed. */
static bool accept(struct formatter *formatter, char punctuation)
{
    skip_blanks(formatter);
    if (formatter->at == formatter->end || *formatter->at != punctuation)
        return false;
    formatter->at++;
    return true;
}

/* The key and colon in front of an object's value. */
static bool format_key(struct formatter *formatter)
{
    if (next_token(formatter) != TOKEN_STRING)
        return false;
    copy_token(formatter);
    put(formatter, ": ", 2);
    return accept(formatter, ':');
}

/* Opens levels and writes scalars until a value is complete. */
static bool format_value(struct formatter *formatter)
{
    for (;;) {
        enum token token = next_token(formatter);
        bool bracket =
            token == TOKEN_PUNCTUATION && (*formatter->token == '{' || *formatter->token == '[');
        if (!bracket) {
            copy_token(formatter);
            return token == TOKEN_VALUE || token == TOKEN_STRING;
        }
        char open = *formatter->token, close = open == '{' ? '}' : ']';
        put_byte(formatter, open);
        if (accept(formatter, close))
            return put_byte(formatter, close), true;
        if (formatter->depth == NESTING_MOST)
            return false;
        formatter->inside[formatter->depth++] = (unsigned char)open;
        new_line(formatter);
        if (open == '{' && !format_key(formatter))
            return false;
    }
}

/* One whole document. False: it is not JSON, too deeply nested, or the output is full. */
static bool format(struct formatter *formatter)
{
    if (!format_value(formatter))
        return false;
    while (formatter->depth > 0) {
        bool object = formatter->inside[formatter->depth - 1] == '{';
        if (accept(formatter, ',')) {
            put_byte(formatter, ',');
            new_line(formatter);
            if ((object && !format_key(formatter)) || !format_value(formatter))
                return false;
        } else if (accept(formatter, object ? '}' : ']')) {
            formatter->depth--;
            new_line(formatter);
            put_byte(formatter, object ? '}' : ']');
        } else {
            return false;
        }
        if (formatter->full)
            return false;
    }
    return next_token(formatter) == TOKEN_END;
}

/* What is shown: JSON laid out, or (also when only the layout is too large) what the server has. */
enum shown { SHOWN_FORMATTED, SHOWN_EMPTY, SHOWN_RAW, SHOWN_NOTHING };

/* Lays the text out; *size is what came of it. */
static enum shown lay_out(struct text metadata, struct buf *out, size_t *size)
{
    struct formatter *formatter = calloc(1, sizeof *formatter);
    if (!formatter)
        return SHOWN_NOTHING;
    formatter->at = metadata.bytes ? metadata.bytes : "";
    formatter->end = formatter->at + metadata.size;
    formatter->out = out;
    skip_blanks(formatter);
    const char *start = formatter->at;
    bool empty = start == formatter->end;
    bool valid = !empty && format(formatter) && !formatter->full;
    *size = formatter->size;
    free(formatter);
    /* No other value of JSON begins with these two letters. */
    bool null = valid && *size == 4 && memcmp(start, "nu", 2) == 0;
    return empty || null ? SHOWN_EMPTY : valid ? SHOWN_FORMATTED : SHOWN_RAW;
}

bool metadata_format(struct text metadata, struct buf *formatted)
{
    size_t start = formatted->size, size;
    if (formatted->failed)
        return false;
    enum shown shown = lay_out(metadata, formatted, &size);
    if (shown == SHOWN_NOTHING)
        return false;
    if (shown != SHOWN_FORMATTED) {
        formatted->size = start;
        formatted->failed = false;
    }
    if (shown == SHOWN_EMPTY)
        buf_puts(formatted, "{}");
    if (shown == SHOWN_RAW)
        buf_append(formatted, metadata.bytes, metadata.size);
    return buf_putc(formatted, '\n');
}

int64_t metadata_format_size(struct text metadata)
{
    size_t size = 0;
    enum shown shown = lay_out(metadata, NULL, &size);
    if (shown == SHOWN_EMPTY)
        size = strlen("{}");
    if (shown == SHOWN_RAW)
        size = metadata.size;
    return (int64_t)size + 1;
}
