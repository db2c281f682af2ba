/* SPDX-License-Identifier: MIT */
#include "write.h"

#include "edit/save.h"
#include "files.h"
#include "scratch.h"
#include "wait/session_loop.h"

#include <errno.h>

/* What a body finds out on its first run and must not ask again: in request->flags. */
enum { DECIDED = 1, DUE = 2 };

static bool reply(struct request *request, int error_number)
{
    fuse_reply_err(request->fuse, error_number);
    return true;
}

static int write_local(struct node *node, const struct request *request)
{
    struct local *local = local_of(node);
    size_t end = (size_t)request->offset + request->size;
    size_t size = end > local->text.size ? end : local->text.size;
    int error_number = scratch_resize(node, size);
    if (error_number)
        local->failure = error_number;
    else if (request->size > 0)
        memcpy(local->text.data + request->offset, request->data, request->size);
    return error_number;
}

/* Takes the data in; whether it is to be saved at once. */
static void stage(struct request *request, struct draft *draft)
{
    request->flags = DECIDED;
    if (draft_write(request->fs, draft, request->data, request->size, (size_t)request->offset) ==
            0 &&
        (edit_due_after_write(&draft->edit) || draft_is_hopeless(draft)))
        request->flags |= DUE;
}

static enum readiness write_open_file(struct request *request, int *error_number)
{
    struct open_file *open = file_handle(request);
    struct draft *draft = open_file_draft(request->fs, open);
    *error_number = EBADF;
    if (draft) {
        if (!(request->flags & DECIDED))
            stage(request, draft);
        return draft_save(request, draft, request->flags & DUE, error_number);
    }
    if (!open->local)
        return FAILED;
    if (open->append)
        request->offset = (off_t)local_of(open->local)->text.size;
    *error_number = write_local(open->local, request);
    open->failed |= *error_number != 0;
    return *error_number ? FAILED : READY;
}

bool write_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    int error_number;
    pthread_mutex_lock(&nodes->lock);
    enum readiness readiness = write_open_file(request, &error_number);
    pthread_mutex_unlock(&nodes->lock);
    if (readiness == READY)
        fuse_reply_write(request->fuse, request->size);
    else if (readiness == FAILED)
        reply(request, error_number);
    return readiness != WAITING;
}

typedef bool is_due(struct edit *edit, uint64_t closer);

/* Who closes. The owner alone is an address, of a table of descriptors: the next child of a shell
 * often has that of the one before. */
static uint64_t closer(const struct request *request)
{
    uint64_t process = (uint64_t)fuse_req_ctx(request->fuse)->pid;
    uint64_t both = request->file.lock_owner ^ process << 32;
    return both ? both : 1;
}

/* Saves what is due and waits for it. Once decided, a second run does not decide again. */
static enum readiness settle(struct request *request, bool closing, is_due *due, int *error_number)
{
    struct nodes *nodes = &request->fs->nodes;
    enum readiness readiness = READY;
    pthread_mutex_lock(&nodes->lock);
    struct draft *draft = open_file_draft(request->fs, file_handle(request));
    if (draft) {
        if (!(request->flags & DECIDED)) {
            request->flags = DECIDED | (due(&draft->edit, closer(request)) ? DUE : 0);
            if (closing && (request->flags & DUE))
                draft_revert_emptied(draft);
        }
        readiness = draft_save(request, draft, request->flags & DUE, error_number);
    } else if (file_handle(request)->local) {
        const struct open_file *open = file_handle(request);
        *error_number = open->failed ? local_of(open->local)->failure : 0;
        readiness = *error_number ? FAILED : READY;
    }
    pthread_mutex_unlock(&nodes->lock);
    return readiness;
}

bool flush_body(struct request *request)
{
    int error_number = 0;
    enum readiness readiness = settle(request, true, edit_due_at_flush, &error_number);
    return readiness != WAITING && reply(request, readiness == READY ? 0 : error_number);
}

static bool due_at_fsync(struct edit *edit, uint64_t closer)
{
    (void)closer;
    return edit_due_at_fsync(edit);
}

/* Emacs takes EINVAL of fsync for "not supported here" and goes on. */
bool fsync_body(struct request *request)
{
    int error_number = 0;
    enum readiness readiness = settle(request, false, due_at_fsync, &error_number);
    if (error_number == EINVAL)
        error_number = EIO;
    return readiness != WAITING && reply(request, readiness == READY ? 0 : error_number);
}

static bool due_at_release(struct edit *edit, uint64_t closer)
{
    (void)closer;
    return edit_due_at_release(edit);
}

bool release_body(struct request *request)
{
    const struct open_file *open = file_handle(request);
    int error_number = 0;
    if (open->changes || open->reader)
        session_loop_step_aside();
    if (settle(request, true, due_at_release, &error_number) == WAITING)
        return false;
    open_file_close(request->fs, file_handle(request));
    return reply(request, 0);
}

int writefile_resize(struct request *request, size_t size)
{
    struct open_file *open = file_handle(request);
    struct draft *draft = open_file_draft(request->fs, open);
    if (draft)
        return draft_resize(draft, size);
    if (!open->local)
        return EBADF;
    return scratch_resize(open->local, size);
}

/* Only growing: holes cannot be punched into an attribute. */
bool fallocate_body(struct request *request)
{
    struct nodes *nodes = &request->fs->nodes;
    struct open_file *open = file_handle(request);
    if (request->flags != 0)
        return reply(request, EOPNOTSUPP);
    size_t end = (size_t)request->offset + request->size;
    int error_number = 0;
    pthread_mutex_lock(&nodes->lock);
    const struct draft *draft = open_file_draft(request->fs, open);
    const struct buf *text = draft         ? &draft->edit.text
                             : open->local ? &local_of(open->local)->text
                                           : NULL;
    if (!text || end > text->size)
        error_number = writefile_resize(request, end);
    pthread_mutex_unlock(&nodes->lock);
    return reply(request, error_number);
}
