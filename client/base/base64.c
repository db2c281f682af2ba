/* SPDX-License-Identifier: MIT */
#include "base64.h"

#include "banned.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const char *bytes, size_t size, char *encoded)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t count = size - i < 3 ? size - i : 3;
        unsigned group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < count ? (unsigned char)bytes[i + k] : 0);
        *encoded++ = digits[group >> 18];
        *encoded++ = digits[group >> 12 & 63];
        *encoded++ = count > 1 ? digits[group >> 6 & 63] : '=';
        *encoded++ = count > 2 ? digits[group & 63] : '=';
    }
    *encoded = '\0';
}

static int digit_value(char digit)
{
    const char *found = digit ? strchr(digits, digit) : NULL;
    return found ? (int)(found - digits) : -1;
}

ssize_t base64_decode(const char *text, size_t size, char *bytes, size_t room)
{
    size_t done = 0;
    unsigned group = 0;
    size_t padding = 0;
    if (size % 4 != 0)
        return -1;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    if (size / 4 * 3 - padding > room)
        return -1;
    for (size_t i = 0; i < size; i++) {
        int value = i < size - padding ? digit_value(text[i]) : 0;
        if (value < 0)
            return -1;
        group = group << 6 | (unsigned)value;
        for (size_t k = 0; i % 4 == 3 && k < 3; k++) {
            if (done < size / 4 * 3 - padding)
                bytes[done++] = (char)(group >> (16 - 8 * k));
        }
    }
    return (ssize_t)done;
}
