/* SPDX-License-Identifier: MIT */
#include "openfile.h"

#include "place.h"
#include "ready.h"

#include <errno.h>
#include <fcntl.h>

struct open_file {
    struct buf text; /* immutable after open */
};

static struct open_file *file_handle(const struct request *request)
{
    return (struct open_file *)(uintptr_t)request->file.fh;
}

static enum readiness prepare(struct request *request, struct place place, struct open_file *open,
                              int *error_number)
{
    bool writes = (request->file.flags & O_ACCMODE) != O_RDONLY || (request->file.flags & O_TRUNC);
    *error_number = place_refuses_look(request, place);
    if (!*error_number && writes)
        *error_number = place_refuses_change(request, place);
    if (*error_number)
        return FAILED;
    enum readiness readiness = ready_object(request, place.node, error_number);
    if (readiness != READY)
        return readiness;
    if (place_render(request->fs, place, &open->text))
        return READY;
    *error_number = EIO;
    return FAILED;
}

bool open_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct open_file *open = calloc(1, sizeof *open);
    int error_number = ENOMEM;
    enum readiness readiness = FAILED;
    bool control = false;
    if (open) {
        buf_init(&open->text, TEXT_CEILING);
        pthread_mutex_lock(&nodes->lock);
        struct place place = node_place(nodes, request->id);
        readiness = prepare(request, place, open, &error_number);
        control = place.node->kind == NODE_CONTROL;
        pthread_mutex_unlock(&nodes->lock);
    }
    if (readiness == READY) {
        request->file.fh = (uintptr_t)open;
        /* The control files' texts change all the time: read to the end, whatever stat said. */
        request->file.direct_io = control;
        if (fuse_reply_open(request->fuse, &request->file) != 0)
            release_body(request);
        return true;
    }
    if (open)
        buf_release(&open->text);
    free(open);
    if (readiness == FAILED)
        fuse_reply_err(request->fuse, error_number);
    return readiness == FAILED;
}

bool read_body(struct request *request)
{
    const struct buf *text = &file_handle(request)->text;
    size_t offset = (size_t)request->offset;
    if (offset >= text->size) {
        fuse_reply_buf(request->fuse, NULL, 0);
        return true;
    }
    size_t left = text->size - offset;
    fuse_reply_buf(request->fuse, text->data + offset, left < request->size ? left : request->size);
    return true;
}

bool release_body(struct request *request)
{
    struct open_file *open = file_handle(request);
    buf_release(&open->text);
    free(open);
    return true;
}
