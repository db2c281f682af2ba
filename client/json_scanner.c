/* SPDX-License-Identifier: MIT */
#include "json_scanner.h"

#include "base/utf8.h"

void json_scanner_init(struct json_scanner *scanner, const char *text, size_t size, int deepest,
                       struct error *error)
{
    *scanner = (struct json_scanner){
        .start = text, .at = text, .end = text + size, .deepest = deepest, .error = error};
}

int json_scanner_fail(struct json_scanner *scanner, const char *what)
{
    return error_set(scanner->error, ERROR_INVALID, "bad JSON: %s (at byte %zu)", what,
                     (size_t)(scanner->at - scanner->start) + 1);
}

char json_scan_peek(struct json_scanner *scanner)
{
    while (scanner->at < scanner->end && *scanner->at && strchr(" \t\r\n", *scanner->at))
        scanner->at++;
    return scanner->at < scanner->end ? *scanner->at : '\0';
}

int json_scan_literal(struct json_scanner *scanner, char literal)
{
    char what[] = "\"?\" is missing";
    what[1] = literal;
    if (json_scan_peek(scanner) != literal || scanner->at == scanner->end)
        return json_scanner_fail(scanner, what);
    scanner->at++;
    return 0;
}

static char closing(char bracket)
{
    return bracket == '{' || bracket == '}' ? '}' : ']';
}

int json_scan_open(struct json_scanner *scanner, char bracket, bool *more)
{
    if (json_scan_literal(scanner, bracket) != 0)
        return -1;
    if (++scanner->depth > scanner->deepest)
        return json_scanner_fail(scanner, "nested too deeply");
    *more = json_scan_peek(scanner) != closing(bracket);
    if (*more)
        return 0;
    scanner->depth--;
    return json_scan_literal(scanner, closing(bracket));
}

int json_scan_next(struct json_scanner *scanner, char bracket, bool *more)
{
    *more = json_scan_peek(scanner) == ',';
    if (*more)
        return json_scan_literal(scanner, ',');
    scanner->depth--;
    return json_scan_literal(scanner, closing(bracket));
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* After a backslash. */
static int scan_escape(struct json_scanner *scanner)
{
    if (scanner->at == scanner->end || !*scanner->at || !strchr("\"\\/bfnrtu", *scanner->at))
        return json_scanner_fail(scanner, "unknown escape in a text");
    if (*scanner->at++ != 'u')
        return 0;
    for (int i = 0; i < 4; i++, scanner->at++) {
        if (scanner->at == scanner->end || !is_hex(*scanner->at))
            return json_scanner_fail(scanner, "\\u needs four hexadecimal digits");
    }
    return 0;
}

static int scan_text(struct json_scanner *scanner)
{
    for (scanner->at++; scanner->at < scanner->end;) {
        unsigned char byte = (unsigned char)*scanner->at;
        if (byte < 0x20)
            return json_scanner_fail(scanner, "a control character in a text");
        size_t length =
            utf8_sequence((const unsigned char *)scanner->at, (size_t)(scanner->end - scanner->at));
        if (length == 0)
            return json_scanner_fail(scanner, "a text is not UTF-8");
        scanner->at += length;
        if (byte == '"')
            return 0;
        if (byte == '\\' && scan_escape(scanner) != 0)
            return -1;
    }
    return json_scanner_fail(scanner, "a text does not end");
}

/* One digit at least. */
static bool scan_digits(struct json_scanner *scanner)
{
    const char *start = scanner->at;
    while (scanner->at < scanner->end && is_digit(*scanner->at))
        scanner->at++;
    return scanner->at > start;
}

static bool take(struct json_scanner *scanner, const char *allowed)
{
    if (scanner->at == scanner->end || !*scanner->at || !strchr(allowed, *scanner->at))
        return false;
    scanner->at++;
    return true;
}

static int scan_number(struct json_scanner *scanner)
{
    take(scanner, "-");
    bool good = take(scanner, "0") || scan_digits(scanner);
    if (good && take(scanner, "."))
        good = scan_digits(scanner);
    if (good && take(scanner, "eE")) {
        take(scanner, "+-");
        good = scan_digits(scanner);
    }
    return good ? 0 : json_scanner_fail(scanner, "malformed number");
}

static int scan_word(struct json_scanner *scanner)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(scanner->end - scanner->at) >= length &&
            memcmp(scanner->at, words[i], length) == 0) {
            scanner->at += length;
            return 0;
        }
    }
    return json_scanner_fail(scanner, "a value is missing (texts stand in double quotes)");
}

static int scan_nested(struct json_scanner *scanner, char bracket)
{
    bool more;
    struct json_token token;
    if (json_scan_open(scanner, bracket, &more) != 0)
        return -1;
    while (more) {
        if (bracket == '{') {
            if (json_scan_peek(scanner) != '"')
                return json_scanner_fail(scanner, "a key in quotes is missing");
            if (scan_text(scanner) != 0 || json_scan_literal(scanner, ':') != 0)
                return -1;
        }
        if (json_scan_value(scanner, &token) != 0 || json_scan_next(scanner, bracket, &more) != 0)
            return -1;
    }
    return 0;
}

int json_scan_value(struct json_scanner *scanner, struct json_token *token)
{
    char next = json_scan_peek(scanner);
    token->start = scanner->at;
    int result;
    if (next == '"') {
        token->type = JSON_TOKEN_TEXT;
        result = scan_text(scanner);
    } else if (next == '{' || next == '[') {
        token->type = JSON_TOKEN_NESTED;
        result = scan_nested(scanner, next);
    } else if (next == '-' || is_digit(next)) {
        token->type = JSON_TOKEN_NUMBER;
        result = scan_number(scanner);
    } else {
        token->type = JSON_TOKEN_WORD;
        result = scan_word(scanner);
    }
    token->size = (size_t)(scanner->at - token->start);
    return result;
}

int json_scan_end(struct json_scanner *scanner)
{
    json_scan_peek(scanner);
    return scanner->at == scanner->end ? 0
                                       : json_scanner_fail(scanner, "something follows the filter");
}

int json_scanner_copy(struct json_scanner *scanner, const struct json_token *token, struct buf *out)
{
    bool inside_text = false;
    for (size_t i = 0; i < token->size; i++) {
        char byte = token->start[i];
        if (byte == '"')
            inside_text = !inside_text;
        if (!inside_text && strchr(" \t\r\n", byte))
            continue;
        buf_putc(out, byte);
        if (inside_text && byte == '\\')
            buf_putc(out, token->start[++i]);
    }
    return out->failed ? error_set(scanner->error, ERROR_LOCAL, "out of memory") : 0;
}

static unsigned hex_value(const char *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned digit = is_digit(digits[i]) ? (unsigned)(digits[i] - '0')
                                             : (unsigned)((digits[i] | 0x20) - 'a' + 10);
        value = value << 4 | digit;
    }
    return value;
}

static void append_code_point(unsigned code, struct buf *out)
{
    if (code >= 0x10000)
        buf_putc(out, (char)(0xf0 | code >> 18));
    else if (code >= 0x800)
        buf_putc(out, (char)(0xe0 | code >> 12));
    else if (code >= 0x80)
        buf_putc(out, (char)(0xc0 | code >> 6));
    else
        buf_putc(out, (char)code);
    if (code >= 0x10000)
        buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
    if (code >= 0x800)
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
    if (code >= 0x80)
        buf_putc(out, (char)(0x80 | (code & 0x3f)));
}

/* The escape at `at`, which is whole; returns its length. */
static size_t decode_escape(const char *at, const char *end, struct buf *out)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        buf_putc(out, bytes[strchr(letters, at[1]) - letters]);
        return 2;
    }
    unsigned code = hex_value(at + 2);
    if (code < 0xd800 || code > 0xdfff) {
        append_code_point(code, out);
        return 6;
    }
    if (code < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        unsigned second = hex_value(at + 8);
        if (second >= 0xdc00 && second <= 0xdfff) {
            append_code_point(0x10000 + ((code & 0x3ff) << 10 | (second & 0x3ff)), out);
            return 12;
        }
    }
    append_code_point(0xfffd, out);
    return 6;
}

bool json_token_decode(const struct json_token *token, struct buf *out)
{
    const char *at = token->start + 1, *end = token->start + token->size - 1;
    while (at < end) {
        if (*at == '\\')
            at += decode_escape(at, end, out);
        else
            buf_putc(out, *at++);
    }
    return !out->failed;
}

bool json_escape(const char *text, size_t size, struct buf *out)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20)
            buf_printf(out, "\\u%04x", byte);
        else if (byte == '"' || byte == '\\')
            buf_printf(out, "\\%c", byte);
        else
            buf_putc(out, text[i]);
    }
    return !out->failed;
}
