/* SPDX-License-Identifier: MIT */
/*
 * What an open handle is told, in steps of four bytes (what, offset, size, byte to write), beside
 * a plain array that is told the same. The first byte says how the handle was opened.
 */
#include "text/edit.h"
#include "base/banned.h"
#include "base/utf8.h"
#include "fuzz.h"

enum { CEILING = 200, STEP = 4 };

static const char OLD[] = "old \xc3\xa4\n";

struct model {
    char bytes[2 * CEILING];
    size_t size;
    bool failed;
};

static void must_agree(struct edit *edit, const struct model *model)
{
    if (model->failed)
        return;
    must(edit->text.size == model->size);
    must(model->size == 0 || memcmp(edit->text.data, model->bytes, model->size) == 0);
    /* Found piece by piece, it is what is found at once. */
    if (model->size > 0 && edit_is_no_text(edit)) {
        size_t valid = utf8_valid_length(model->bytes, model->size);
        must(valid < model->size && !utf8_is_beginning(model->bytes + valid, model->size - valid));
    }
    if (edit_due_after_write(edit))
        must(edit->fresh && model->bytes[model->size - 1] == '\n');
}

static void write_both(struct edit *edit, struct model *model, size_t offset, size_t size,
                       uint8_t byte)
{
    char data[CEILING + 56];
    memset(data, byte, sizeof data);
    if (size > sizeof data)
        size = sizeof data;
    if (size > 1 && byte >= 0xc0)
        data[1] = (char)0x80;
    if (edit->append)
        offset = model->size;
    bool fits = offset + size <= CEILING || size == 0;
    int failure = edit_write(edit, data, size, offset);
    must((failure == 0) == (fits && !model->failed));
    if (failure) {
        model->failed = true;
        return;
    }
    if (size == 0)
        return;
    if (offset > model->size)
        memset(model->bytes + model->size, 0, offset - model->size);
    memcpy(model->bytes + offset, data, size);
    if (offset + size > model->size)
        model->size = offset + size;
}

static void resize_both(struct edit *edit, struct model *model, size_t size)
{
    int failure = edit_resize(edit, size);
    must((failure == 0) == (size <= CEILING && !model->failed));
    if (failure) {
        model->failed = true;
        return;
    }
    if (size > model->size)
        memset(model->bytes + model->size, 0, size - model->size);
    model->size = size;
}

static void save_if_due(struct edit *edit, bool due, uint8_t fails)
{
    must(!due || edit->dirty);
    if (!due)
        return;
    edit_send(edit);
    if (fails)
        edit_failed(edit, fails);
    else
        edit_saved(edit);
    must(!edit_due_after_write(edit) && !edit_due_at_fsync(edit) && !edit_due_at_flush(edit, 1) &&
         !edit_due_at_release(edit));
}

static void step(struct edit *edit, struct model *model, const uint8_t *told)
{
    switch (told[0] % 6) {
    case 0:
    case 1:
        write_both(edit, model, told[1], told[2], told[3]);
        break;
    case 2:
        resize_both(edit, model, told[1]);
        break;
    case 3:
        save_if_due(edit, edit_due_after_write(edit), told[1]);
        break;
    case 4:
        save_if_due(edit, edit_due_at_fsync(edit), told[1]);
        break;
    case 5:
        save_if_due(edit, edit_due_at_flush(edit, 1 + told[2] % 2), told[1]);
        break;
    }
    model->failed = edit->failure != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model = {.size = 0};
    struct edit edit;
    if (size == 0)
        return 0;
    bool fresh = data[0] & 1, append = data[0] & 2;
    must(edit_init(&edit, data[0] & 4 ? COMMIT_LINE : COMMIT_TEXT, CEILING, OLD, sizeof OLD - 1,
                   fresh, append));
    if (!fresh) {
        memcpy(model.bytes, OLD, sizeof OLD - 1);
        model.size = sizeof OLD - 1;
    }
    for (size_t at = 1; at + STEP <= size; at += STEP) {
        step(&edit, &model, data + at);
        must_agree(&edit, &model);
    }
    edit_release(&edit);
    return 0;
}
