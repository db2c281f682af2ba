/* SPDX-License-Identifier: MIT */
/*
 * A growable byte buffer with a ceiling. Once an append fails (over the ceiling
 * or out of memory) the buffer stays failed and later appends do nothing, so
 * that a chain of appends needs one check at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; NUL after the last byte once anything was appended */
    size_t size;
    size_t capacity;
    size_t ceiling; /* bytes; an append beyond it fails */
    bool failed;
};

void buf_init(struct buf *buf, size_t ceiling);
void buf_release(struct buf *buf);
/* Empties the buffer and its failure, keeps the memory. */
void buf_clear(struct buf *buf);
bool buf_append(struct buf *buf, const void *data, size_t size);
bool buf_puts(struct buf *buf, const char *text);
bool buf_putc(struct buf *buf, char byte);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for `size` bytes in all, zero-filled, and sets the size: grows or cuts. */
bool buf_resize(struct buf *buf, size_t size);
/* The bytes as a malloc'ed, NUL-terminated string (NULL when failed); the buffer is empty
 * afterwards. */
char *buf_steal(struct buf *buf);

#define cleanup_buf cleanup(buf_release)

#endif
