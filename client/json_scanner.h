/* SPDX-License-Identifier: MIT */
/*
 * Strict JSON, value by value, for texts that are to be passed on byte for byte
 * (numbers of any size, escapes as they were written). Errors are ERROR_INVALID.
 */
#ifndef CLIENT_JSON_SCANNER_H
#define CLIENT_JSON_SCANNER_H

#include "base/buf.h"
#include "base/error.h"

struct json_scanner {
    const char *start, *at, *end;
    int depth, deepest;
    struct error *error;
};

enum json_token_type { JSON_TOKEN_TEXT, JSON_TOKEN_NUMBER, JSON_TOKEN_WORD, JSON_TOKEN_NESTED };

/* One whole value, where it stands; a text with its quotes. */
struct json_token {
    enum json_token_type type;
    const char *start;
    size_t size;
};

/* `deepest`: how many objects and lists may be open at once. The text must outlive the scanner. */
void json_scanner_init(struct json_scanner *scanner, const char *text, size_t size, int deepest,
                       struct error *error);

/* Sets the error "bad JSON: what (at byte N)". Always returns -1. */
int json_scanner_fail(struct json_scanner *scanner, const char *what);

/* The next byte that is no blank; '\0' at the end. */
char json_scan_peek(struct json_scanner *scanner);
/* That byte must be `literal`. */
int json_scan_literal(struct json_scanner *scanner, char literal);
/* Enters an object or list; *more: it is not empty. */
int json_scan_open(struct json_scanner *scanner, char bracket, bool *more);
/* After a member: a comma (*more) or the end of the object or list. */
int json_scan_next(struct json_scanner *scanner, char bracket, bool *more);
/* One whole value of any type. */
int json_scan_value(struct json_scanner *scanner, struct json_token *token);
/* Nothing but blanks may follow. */
int json_scan_end(struct json_scanner *scanner);

/* Appends the value without the blanks between its parts. */
int json_scanner_copy(struct json_scanner *scanner, const struct json_token *token,
                      struct buf *out);
/* Appends what a text token says; lone surrogates are U+FFFD. False: no memory. */
bool json_token_decode(const struct json_token *token, struct buf *out);

/* Appends text as the inside of a JSON string. False: no memory. */
bool json_escape(const char *text, size_t size, struct buf *out);

#endif
