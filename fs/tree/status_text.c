/* SPDX-License-Identifier: MIT */
#include "status_text.h"

#include "base/banned.h"
#include "base/message.h"

enum { LINE_CEILING = 64 * 1024 };

bool status_put_quoted(struct buf *text, const char *value)
{
    cleanup_buf struct buf clean;
    buf_init(&clean, LINE_CEILING);
    if (!message_append(&clean, value))
        return false;
    buf_putc(text, '"');
    for (size_t i = 0; i < clean.size; i++) {
        if (clean.data[i] == '"' || clean.data[i] == '\\')
            buf_putc(text, '\\');
        buf_putc(text, clean.data[i]);
    }
    return buf_putc(text, '"');
}

bool status_put_json(struct buf *text, const char *name, const char *value)
{
    buf_printf(text, "\"%s\": ", name);
    return status_put_quoted(text, value);
}
