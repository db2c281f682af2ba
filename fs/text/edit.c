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
    edit->appended_from = fresh ? 0 : size;
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
    if (edit->appended_from > size)
        edit->appended_from = size;
    edit->changes++;
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
    edit->changes++;
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

bool edit_has_hole(const struct edit *edit)
{
    return edit->holed && edit->text.size > 0 && memchr(edit->text.data, '\0', edit->text.size);
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
           edit->text.data[edit->text.size - 1] == '\n' && !edit_has_hole(edit);
}

bool edit_due_at_fsync(const struct edit *edit)
{
    return edit->dirty;
}

bool edit_due_at_flush(struct edit *edit, uint64_t closer)
{
    bool again = edit->flushed_by == closer;
    edit->flushed_by = closer;
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

void edit_clean(struct edit *edit)
{
    edit->dirty = edit->wrote = edit->truncated = false;
}

void edit_send(struct edit *edit)
{
    edit->sent = edit->changes;
    edit->sent_size = edit->text.size;
}

bool edit_has_more(const struct edit *edit)
{
    return edit->sent != edit->changes;
}

void edit_saved(struct edit *edit)
{
    if (edit->appended_from < edit->sent_size && edit->sent_size <= edit->text.size)
        edit->appended_from = edit->sent_size;
    if (!edit_has_more(edit))
        edit_clean(edit);
}

void edit_failed(struct edit *edit, int error_number)
{
    edit_clean(edit);
    stick(edit, error_number);
}

/* Makes the text that of the other handle, with what this one has appended behind it. */
static bool put_behind(struct edit *edit, const char *text, size_t size)
{
    size_t own = edit->wrote ? edit->text.size - edit->appended_from : 0;
    size_t from = edit->text.size - own;
    if (size + own > edit->text.ceiling)
        edit->text.ceiling = size + own;
    if (size + own > edit->text.size && !buf_resize(&edit->text, size + own))
        return false;
    if (own > 0)
        memmove(edit->text.data + size, edit->text.data + from, own);
    if (size > 0)
        memcpy(edit->text.data, text, size);
    edit->appended_from = size;
    edit->fresh = edit->holed = edit->truncated = false;
    edit->scanned = 0;
    edit->dirty = edit->wrote;
    return buf_resize(&edit->text, size + own);
}

bool edit_follow(struct edit *edit, const char *text, size_t size)
{
    if (edit->failure || (edit->wrote && (edit->fresh || !edit->append)))
        return true;
    if (edit->wrote || !edit->fresh || edit->append)
        return put_behind(edit, text, size);
    edit_clean(edit); /* it goes on to write a whole new text */
    return true;
}

void edit_fill(struct edit *edit, const char *text, size_t size, size_t offset)
{
    size_t end = size < offset ? size : offset;
    if (!edit->append && !edit->truncated && edit->text.size < end && end <= edit->text.ceiling)
        buf_append(&edit->text, text + edit->text.size, end - edit->text.size);
}
