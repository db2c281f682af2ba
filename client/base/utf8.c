/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include "banned.h"

#include <stdint.h>

size_t utf8_sequence(const unsigned char *bytes, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80   ? 1
                    : bytes[0] < 0xc2 ? 0
                    : bytes[0] < 0xe0 ? 2
                    : bytes[0] < 0xf0 ? 3
                    : bytes[0] < 0xf5 ? 4
                                      : 0;
    if (length <= 1 || length > size)
        return length > size ? 0 : length;
    uint32_t code = bytes[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < smallest[length] || surrogate || code > 0x10ffff ? 0 : length;
}

size_t utf8_valid_length(const char *bytes, size_t size)
{
    size_t at = 0;
    while (at < size && bytes[at] != '\0') {
        size_t length = utf8_sequence((const unsigned char *)bytes + at, size - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

bool utf8_is_beginning(const char *bytes, size_t size)
{
    static const unsigned char fill[] = {0x80, 0x9f, 0xa0, 0xbf};
    unsigned char whole[4];
    if (size >= sizeof whole)
        return false;
    /* What may follow depends on the first byte: some continuation fits, or none does. */
    for (size_t i = 0; i < sizeof fill; i++) {
        memset(whole, fill[i], sizeof whole);
        memcpy(whole, bytes, size);
        if (utf8_sequence(whole, sizeof whole) > size)
            return true;
    }
    return size == 0;
}
