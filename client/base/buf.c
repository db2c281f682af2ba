/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include "banned.h"

#include <stdarg.h>

enum { SMALLEST_CAPACITY = 64 };

void buf_init(struct buf *buf, size_t ceiling)
{
    *buf = (struct buf){.ceiling = ceiling};
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->ceiling);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Room for `size` bytes and the terminating NUL. */
static bool buf_reserve(struct buf *buf, size_t size)
{
    if (buf->failed || size > buf->ceiling) {
        buf->failed = true;
        return false;
    }
    if (size < buf->capacity)
        return true;
    size_t capacity = buf->capacity ? buf->capacity : SMALLEST_CAPACITY;
    while (capacity <= size)
        capacity += capacity / 2;
    if (capacity > buf->ceiling + 1)
        capacity = buf->ceiling + 1;
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool buf_append(struct buf *buf, const void *data, size_t size)
{
    if (size > buf->ceiling - buf->size) {
        buf->failed = true;
        return false;
    }
    if (!buf_reserve(buf, buf->size + size))
        return false;
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
    return true;
}

bool buf_puts(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool buf_putc(struct buf *buf, char byte)
{
    return buf_append(buf, &byte, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    char small[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (length < 0)
        return false;
    if ((size_t)length < sizeof small)
        return buf_append(buf, small, (size_t)length);
    size_t start = buf->size;
    if (!buf_resize(buf, start + (size_t)length))
        return false;
    va_start(arguments, format);
    vsnprintf(buf->data + start, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return true;
}

bool buf_resize(struct buf *buf, size_t size)
{
    if (!buf_reserve(buf, size))
        return false;
    if (size > buf->size)
        memset(buf->data + buf->size, 0, size - buf->size);
    buf->size = size;
    buf->data[size] = '\0';
    return true;
}

char *buf_steal(struct buf *buf)
{
    if (buf->failed || !buf_reserve(buf, buf->size))
        return NULL;
    buf->data[buf->size] = '\0';
    char *data = buf->data;
    buf_init(buf, buf->ceiling);
    return data;
}
