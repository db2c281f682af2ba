/* SPDX-License-Identifier: MIT */
#include "percent.h"

#include "banned.h"

#include <string.h>

static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte && strchr("-._~", byte));
}

bool percent_append(struct buf *url, struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (is_unreserved(text.bytes[i]))
            buf_putc(url, text.bytes[i]);
        else
            buf_printf(url, "%%%02X", (unsigned char)text.bytes[i]);
    }
    return !url->failed;
}
