/* SPDX-License-Identifier: MIT */
#include "message.h"

#include "banned.h"
#include "cleanup.h"
#include "secrets.h"
#include "utf8.h"

enum { PIECE_SIZE = 8 };

/* Where the authority of a URL ends that begins at `at`: at the first character that no URL has. */
static size_t token_length(const char *at)
{
    return strcspn(at, " \t\r\n\"'<>`");
}

/*
 * The length of what may be user information in front of the host at `at`. Passwords that should
 * have been encoded hold slashes and at signs: where the text up to the first slash is not
 * "host:port", everything up to the last at sign counts.
 */
static size_t user_information(const char *at)
{
    size_t token = token_length(at);
    size_t authority = strcspn(at, "/?# \t\r\n\"'<>`");
    const char *last = memrchr(at, '@', authority);
    const char *colon = memchr(at, ':', authority);
    size_t port = colon ? strspn(colon + 1, "0123456789") : 0;
    if (!last && colon && *at != '[' && colon + 1 + port != at + authority)
        last = memrchr(at, '@', token);
    return last ? (size_t)(last - at) : 0;
}

/* Leaves at most three stars of the user information of URLs, in place. */
static void hide_user_information(char *text)
{
    for (char *at = strstr(text, "://"); at; at = strstr(at, "://")) {
        at += 3;
        size_t size = user_information(at);
        size_t stars = size < 3 ? size : 3;
        memset(at, '*', stars);
        memmove(at + stars, at + size, strlen(at + size) + 1);
    }
}

/* One character at *at as it is shown, of `left` bytes; *at moves on. */
static size_t next_piece(const char **at, size_t left, char piece[PIECE_SIZE])
{
    const unsigned char *bytes = (const unsigned char *)*at;
    size_t length = utf8_sequence(bytes, left);
    int size = -1;
    if (*bytes == '\t' || *bytes == '\n' || *bytes == '\r')
        size = snprintf(piece, PIECE_SIZE, " ");
    else if (length == 0 || *bytes < 0x20 || *bytes == 0x7f)
        size = snprintf(piece, PIECE_SIZE, "\\x%02x", *bytes);
    else if (length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0)
        size = snprintf(piece, PIECE_SIZE, "\\u%04x", bytes[1]);
    *at += length ? length : 1;
    if (size >= 0)
        return (size_t)size;
    memcpy(piece, bytes, length);
    return length;
}

bool message_append(struct buf *out, const char *text)
{
    cleanup_free char *copy = strdup(text);
    char piece[PIECE_SIZE];
    if (!copy)
        return false;
    secrets_hide(copy);
    hide_user_information(copy);
    const char *end = copy + strlen(copy);
    for (const char *at = copy; at < end;) {
        size_t size = next_piece(&at, (size_t)(end - at), piece);
        if (!buf_append(out, piece, size))
            return false;
    }
    return true;
}

/* A text that was cut inside of a character loses the rest of that. */
static size_t whole_characters(const char *text, size_t size)
{
    for (size_t cut = 1; cut <= 3 && cut <= size; cut++) {
        if (((unsigned char)text[size - cut] & 0xc0) == 0x80)
            continue;
        return utf8_is_beginning(text + size - cut, cut) ? size - cut : size;
    }
    return size;
}

void message_clean(char *text, size_t size)
{
    enum { LONGEST = 4096 };
    char copy[LONGEST], piece[PIECE_SIZE];
    if (size > LONGEST)
        size = LONGEST;
    secrets_hide(text);
    hide_user_information(text);
    size_t length = strnlen(text, size - 1);
    if (length == size - 1)
        length = whole_characters(text, length);
    memcpy(copy, text, length);
    size_t used = 0;
    for (const char *at = copy; at < copy + length;) {
        size_t more = next_piece(&at, (size_t)(copy + length - at), piece);
        if (used + more >= size)
            break;
        memcpy(text + used, piece, more);
        used += more;
    }
    text[used] = '\0';
}
