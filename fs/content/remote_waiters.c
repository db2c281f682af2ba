/* SPDX-License-Identifier: MIT */
#include "remote_waiters.h"

#include "base/banned.h"
#include "remote_internal.h"

static void unlink_waiter(struct remote_files *files, struct remote_waiter *waiter)
{
    *waiter->link_to_this = waiter->next;
    if (waiter->next)
        waiter->next->link_to_this = waiter->link_to_this;
    waiter->link_to_this = NULL;
    if (waiter->starved)
        files->starved--;
}

void remote_link_waiter(struct remote_file *file, struct remote_waiter *waiter)
{
    waiter->next = file->waiters;
    waiter->link_to_this = &file->waiters;
    if (waiter->next)
        waiter->next->link_to_this = &waiter->next;
    file->waiters = waiter;
    if (waiter->starved)
        file->files->starved++;
}

struct remote_waiter *remote_take_waiters(struct remote_file *file,
                                          bool (*ready)(const struct remote_waiter *waiter,
                                                        const void *context),
                                          const void *context)
{
    struct remote_waiter *taken = NULL;
    for (struct remote_waiter *waiter = file->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        if (!ready(waiter, context) || !waiter->claim(waiter))
            continue;
        unlink_waiter(file->files, waiter);
        waiter->next = taken;
        taken = waiter;
    }
    return taken;
}

static bool is_starved(const struct remote_waiter *waiter, const void *context)
{
    (void)context;
    return waiter->starved;
}

struct remote_waiter *remote_take_starved(struct remote_files *files)
{
    struct remote_waiter *all = NULL;
    for (struct remote_file *file = files->first; file && files->starved > 0; file = file->next) {
        struct remote_waiter *taken = remote_take_waiters(file, is_starved, NULL);
        while (taken) {
            struct remote_waiter *next = taken->next;
            taken->next = all;
            all = taken;
            taken = next;
        }
    }
    return all;
}

void remote_resume(struct remote_waiter *waiters, const struct error *error)
{
    for (struct remote_waiter *next; waiters; waiters = next) {
        next = waiters->next;
        waiters->resume(waiters, error);
    }
}

bool remote_any(const struct remote_waiter *waiter, const void *context)
{
    (void)waiter;
    (void)context;
    return true;
}

void remote_leave(struct remote_files *files, struct remote_waiter *waiter)
{
    pthread_mutex_lock(&files->lock);
    if (waiter->link_to_this)
        unlink_waiter(files, waiter);
    pthread_mutex_unlock(&files->lock);
}
