/* SPDX-License-Identifier: MIT */
#include "name.h"

#include "base/banned.h"
#include "report/hash.h"

#include <ctype.h>

enum { ESCAPE_LENGTH = 3, HASH_DIGITS = 8, LONGEST_CHARACTER = 4 };

static bool is_hex(char byte)
{
    return isxdigit((unsigned char)byte) != 0;
}

static bool needs_escape(struct text name, size_t at)
{
    unsigned char byte = (unsigned char)name.bytes[at];
    if (byte < 0x20 || byte == 0x7f || byte == '/')
        return true;
    if (byte == '.')
        return name.size == 1 || (name.size == 2 && name.bytes[1 - at] == '.');
    return byte == '%' && at + 2 < name.size && is_hex(name.bytes[at + 1]) &&
           is_hex(name.bytes[at + 2]);
}

/* Length of the well-formed UTF-8 character at `at`; 1 for a byte that begins none. */
static size_t character_length(struct text name, size_t at)
{
    unsigned char lead = (unsigned char)name.bytes[at];
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (at + length > name.size)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)name.bytes[at + i] & 0xc0) != 0x80)
            return 1;
    }
    return length;
}

/* Appends one character, escaped where needed; false when it would pass `limit`. */
static bool append_character(struct text name, size_t at, size_t length, char *escaped,
                             size_t *used, size_t limit)
{
    if (needs_escape(name, at)) {
        if (*used + ESCAPE_LENGTH > limit)
            return false;
        snprintf(escaped + *used, ESCAPE_LENGTH + 1, "%%%02X", (unsigned char)name.bytes[at]);
        *used += ESCAPE_LENGTH;
        return true;
    }
    if (*used + length > limit)
        return false;
    bool lone = text_is_surrogate((struct text){name.bytes + at, length});
    memcpy(escaped + *used, lone ? REPLACEMENT_CHARACTER : name.bytes + at, length);
    *used += length;
    return true;
}

/* As much as fits within `limit` bytes; true when that is the whole name. */
static bool escape_within(struct text name, char *escaped, size_t *used, size_t limit)
{
    *used = 0;
    for (size_t at = 0; at < name.size;) {
        size_t length = character_length(name, at);
        if (!append_character(name, at, length, escaped, used, limit))
            return false;
        at += length;
    }
    return true;
}

bool name_is_cut(const char *escaped)
{
    size_t length = strlen(escaped);
    size_t tail = 1 + HASH_DIGITS;
    if (length > NAME_LIMIT || length < NAME_KEPT_WHEN_CUT - LONGEST_CHARACTER + tail)
        return false;
    const char *digits = escaped + length - HASH_DIGITS;
    for (int i = 0; i < HASH_DIGITS; i++) {
        if (!is_hex(digits[i]) || isupper((unsigned char)digits[i]))
            return false;
    }
    return digits[-1] == '~';
}

bool name_needs_listing(const char *escaped)
{
    return name_is_cut(escaped) || strstr(escaped, REPLACEMENT_CHARACTER);
}

void name_escape(struct text original, unsigned salt, char escaped[NAME_LIMIT + 1])
{
    size_t used;
    if (escape_within(original, escaped, &used, NAME_LIMIT)) {
        escaped[used] = '\0';
        /* A short name that looks like a cut one is cut as well: the two must never meet. */
        if (!name_is_cut(escaped) && salt == 0)
            return;
    }
    escape_within(original, escaped, &used, NAME_KEPT_WHEN_CUT);
    uint64_t hash = hash_bytes(salt, original.bytes, original.size);
    snprintf(escaped + used, NAME_LIMIT + 1 - used, "~%08x", (unsigned)(hash & 0xffffffffu));
}

static unsigned hex_value(char digit)
{
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a' + 10);
}

bool name_unescape(const char *escaped, struct text *original)
{
    size_t length = strlen(escaped);
    char *bytes = malloc(length + 1);
    if (!bytes)
        return false;
    size_t size = 0;
    for (size_t at = 0; at < length; at++) {
        if (escaped[at] == '%' && at + 2 < length && is_hex(escaped[at + 1]) &&
            is_hex(escaped[at + 2])) {
            bytes[size++] = (char)(hex_value(escaped[at + 1]) << 4 | hex_value(escaped[at + 2]));
            at += 2;
        } else {
            bytes[size++] = escaped[at];
        }
    }
    bytes[size] = '\0';
    *original = (struct text){.bytes = bytes, .size = size};
    char again[NAME_LIMIT + 1];
    if (size > 0 && length <= NAME_LIMIT) {
        name_escape(*original, 0, again);
        if (strcmp(again, escaped) == 0)
            return true;
    }
    free(bytes);
    *original = (struct text){0};
    return false;
}
