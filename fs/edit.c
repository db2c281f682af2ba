/* SPDX-License-Identifier: MIT */
#include "edit.h"

#include "base/banned.h"
#include "base/utf8.h"

#include <errno.h>

bool edit_init(struct edit *edit, enum commit_point commit, size_t ceiling, const char *text,
               size_t size, bool fresh, bool append)
{
    *edit = (struct edit){.commit = commit, .fresh = fresh, .append = append, .dirty = fresh};
    buf_init(&edit->text, ceiling > size ? ceiling : size);
    return fresh || buf_append(&edit->text, text, size);
}

void edit_release(struct edit *edit)
{
    buf_release(&edit->text);
}

static int stick(struct edit *edit, int error_number)
{
    edit->failure = error_number;
    return error_number;
}

/* A buffer that failed stays so: what would not fit is not tried. */
static int resize(struct edit *edit, size_t size)
{
    if (size > edit->text.ceiling)
        return stick(edit, EFBIG);
    if (size > edit->text.size)
        edit->holed = true;
    if (!buf_resize(&edit->text, size))
        return stick(edit, ENOMEM);
    if (edit->scanned > size)
        edit->scanned = 0;
    return 0;
}

int edit_write(struct edit *edit, const void *data, size_t size, size_t offset)
{
    if (edit->failure)
        return edit->failure;
    if (edit->append)
        offset = edit->text.size;
    if (size == 0)
        return 0;
    if (offset > edit->text.ceiling || size > edit->text.ceiling - offset)
        return stick(edit, EFBIG);
    if (offset > edit->text.size && resize(edit, offset) != 0)
        return edit->failure;
    bool holed = edit->holed;
    if (offset + size > edit->text.size && resize(edit, offset + size) != 0)
        return edit->failure;
    edit->holed = holed; /* what was just added is filled now */
    memcpy(edit->text.data + offset, data, size);
    if (edit->scanned > offset)
        edit->scanned = 0;
    edit->dirty = edit->wrote = true;
    return 0;
}

int edit_resize(struct edit *edit, size_t size)
{
    if (edit->failure)
        return edit->failure;
    if (resize(edit, size) != 0)
        return edit->failure;
    if (size == 0) {
        edit->fresh = true;
        edit->holed = false;
    }
    edit->dirty = edit->truncated = true;
    return 0;
}

bool edit_is_no_text(struct edit *edit)
{
    if (edit->holed || !(edit->fresh || edit->append) || edit->text.size == 0)
        return false;
    const struct buf *text = &edit->text;
    edit->scanned += utf8_valid_length(text->data + edit->scanned, text->size - edit->scanned);
    return edit->scanned < text->size &&
           !utf8_is_beginning(text->data + edit->scanned, text->size - edit->scanned);
}

bool edit_due_after_write(const struct edit *edit)
{
    return edit->commit == COMMIT_LINE && edit->dirty && edit->fresh && edit->text.size > 0 &&
           edit->text.data[edit->text.size - 1] == '\n';
}

bool edit_due_at_fsync(const struct edit *edit)
{
    return edit->dirty;
}

bool edit_due_at_flush(struct edit *edit)
{
    bool again = edit->flushed;
    edit->flushed = true;
    return edit->dirty && (edit->wrote || edit->truncated || again);
}

bool edit_due_at_release(const struct edit *edit)
{
    return edit_is_emptied(edit);
}

bool edit_is_emptied(const struct edit *edit)
{
    return edit->dirty && !edit->wrote && edit->text.size == 0;
}

void edit_saved(struct edit *edit)
{
    edit->dirty = edit->wrote = edit->truncated = false;
}

void edit_failed(struct edit *edit, int error_number)
{
    edit_saved(edit);
    stick(edit, error_number);
}
