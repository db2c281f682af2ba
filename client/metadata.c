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
    struct buf *out;
    int depth;
    unsigned char inside[NESTING_MOST]; /* the bracket that each level was opened with */
};

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

static void append_utf8(struct buf *out, unsigned code)
{
    if (code < 0x80) {
        buf_putc(out, (char)code);
    } else if (code < 0x800) {
        buf_putc(out, (char)(0xc0 | code >> 6));
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_putc(out, (char)(0xe0 | code >> 12));
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | code >> 18));
        buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* One escape of a string; returns how many bytes it has. What JSON demands stays escaped. */
static size_t copy_escape(struct formatter *formatter, const char *at)
{
    const unsigned replacement = 0xfffd;
    int first = escaped_unit(at, formatter->at);
    if (at[1] == '/') {
        buf_putc(formatter->out, '/');
        return 2;
    }
    if (first < 0x20 || first == '"' || first == '\\') {
        size_t length = first < 0 ? 2 : 6;
        buf_append(formatter->out, at, length);
        return length;
    }
    int second = escaped_unit(at + 6, formatter->at);
    if (first >= 0xd800 && first < 0xdc00 && second >= 0xdc00 && second < 0xe000) {
        append_utf8(formatter->out,
                    0x10000 + ((unsigned)(first - 0xd800) << 10) + (unsigned)(second - 0xdc00));
        return 12;
    }
    bool lone = first >= 0xd800 && first < 0xe000;
    append_utf8(formatter->out, lone ? replacement : (unsigned)first);
    return 6;
}

static void copy_token(struct formatter *formatter)
{
    const char *at = formatter->token;
    while (at < formatter->at) {
        const char *escape = memchr(at, '\\', (size_t)(formatter->at - at));
        const char *end = escape ? escape : formatter->at;
        buf_append(formatter->out, at, (size_t)(end - at));
        at = escape ? escape + copy_escape(formatter, escape) : end;
    }
}

static void new_line(struct formatter *formatter)
{
    static const char blanks[] = "                                ";
    size_t left = (size_t)formatter->depth * INDENT;
    buf_putc(formatter->out, '\n');
    while (left > 0 && !formatter->out->failed) {
        size_t some = left < sizeof blanks - 1 ? left : sizeof blanks - 1;
        buf_append(formatter->out, blanks, some);
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
    buf_puts(formatter->out, ": ");
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
        buf_putc(formatter->out, open);
        if (accept(formatter, close))
            return buf_putc(formatter->out, close);
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
            buf_putc(formatter->out, ',');
            new_line(formatter);
            if ((object && !format_key(formatter)) || !format_value(formatter))
                return false;
        } else if (accept(formatter, object ? '}' : ']')) {
            formatter->depth--;
            new_line(formatter);
            buf_putc(formatter->out, object ? '}' : ']');
        } else {
            return false;
        }
        if (formatter->out->failed)
            return false;
    }
    return next_token(formatter) == TOKEN_END;
}

bool metadata_format(struct text metadata, struct buf *formatted)
{
    size_t start = formatted->size;
    struct formatter *formatter = calloc(1, sizeof *formatter);
    if (!formatter || formatted->failed) {
        free(formatter);
        return false;
    }
    formatter->at = metadata.bytes ? metadata.bytes : "";
    formatter->end = formatter->at + metadata.size;
    formatter->out = formatted;
    skip_blanks(formatter);
    bool empty = formatter->at == formatter->end;
    bool valid = !empty && format(formatter);
    free(formatter);
    bool null =
        valid && formatted->size - start == 4 && memcmp(formatted->data + start, "null", 4) == 0;
    if (!valid || null) { /* also when only the layout is too large */
        formatted->size = start;
        formatted->failed = false;
        if (empty || null)
            buf_puts(formatted, "{}");
        else
            buf_append(formatted, metadata.bytes, metadata.size);
    }
    return buf_putc(formatted, '\n');
}
