/* SPDX-License-Identifier: MIT */
#include "kernel_cache.h"

#include "base/clock.h"
#include "filesystem.h"
#include "member.h"

#include <errno.h>
#include <signal.h>

enum { MOST_QUEUED = 1 << 20 };

enum notification_kind { REMOVE_ENTRY, EXPIRE_ENTRY, FORGET_ATTRIBUTES };

struct notification {
    struct notification *next;
    fuse_ino_t id;
    enum notification_kind kind;
    char name[]; /* of an entry */
};

struct kernel_cache {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct notification *first, **last; /* under lock */
    size_t queued;                      /* under lock */
    uint64_t taken, sent;               /* under lock: notifications, since the beginning */
    pthread_cond_t progress;
    bool running;                 /* under lock */
    struct fuse_session *session; /* set before the thread starts */
    bool has_thread;
    pthread_t thread;
};

struct kernel_cache *kernel_cache_new(void)
{
    struct kernel_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->wake, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&cache->progress, &monotonic);
    pthread_condattr_destroy(&monotonic);
    cache->last = &cache->first;
    return cache;
}

/* Errors are of no interest: the kernel does not know the inode or name, which is what is wanted.
 */
static void send_one(struct kernel_cache *cache, const struct notification *one)
{
    size_t length = strlen(one->name);
    int result = -ENOSYS;
    switch (one->kind) {
    case FORGET_ATTRIBUTES:
        fuse_lowlevel_notify_inval_inode(cache->session, one->id, -1, 0);
        break;
    case EXPIRE_ENTRY:
        result = fuse_lowlevel_notify_expire_entry(cache->session, one->id, one->name, length, 0);
        if (result != -ENOSYS)
            break;
        __attribute__((fallthrough));
    case REMOVE_ENTRY:
        fuse_lowlevel_notify_inval_entry(cache->session, one->id, one->name, length);
        break;
    }
}

static void *send_thread(void *context)
{
    struct kernel_cache *cache = context;
    pthread_mutex_lock(&cache->lock);
    while (cache->running) {
        struct notification *one = cache->first;
        if (!one) {
            pthread_cond_wait(&cache->wake, &cache->lock);
            continue;
        }
        cache->first = one->next;
        if (!cache->first)
            cache->last = &cache->first;
        cache->queued--;
        pthread_mutex_unlock(&cache->lock);
        send_one(cache, one);
        free(one);
        pthread_mutex_lock(&cache->lock);
        cache->sent++;
        pthread_cond_broadcast(&cache->progress);
    }
    pthread_cond_broadcast(&cache->progress);
    pthread_mutex_unlock(&cache->lock);
    return NULL;
}

bool kernel_cache_start(struct kernel_cache *cache, struct fuse_session *session)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_mutex_lock(&cache->lock); /* the thread waits until all of this is in place */
    cache->session = session;
    cache->has_thread = pthread_create(&cache->thread, NULL, send_thread, cache) == 0;
    cache->running = cache->has_thread;
    pthread_mutex_unlock(&cache->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return cache->has_thread;
}

void kernel_cache_stop(struct kernel_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->running = false;
    pthread_cond_signal(&cache->wake);
    pthread_mutex_unlock(&cache->lock);
    if (cache->has_thread)
        pthread_join(cache->thread, NULL);
    cache->has_thread = false;
}

void kernel_cache_free(struct kernel_cache *cache)
{
    if (!cache)
        return;
    kernel_cache_stop(cache);
    for (struct notification *one = cache->first, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    pthread_cond_destroy(&cache->wake);
    pthread_cond_destroy(&cache->progress);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void enqueue(struct kernel_cache *cache, enum notification_kind kind, fuse_ino_t id,
                    const char *name)
{
    struct notification *one = calloc(1, sizeof *one + strlen(name) + 1);
    if (!one)
        return; /* the kernel's own time limits end it a little later */
    one->kind = kind;
    one->id = id;
    memcpy(one->name, name, strlen(name) + 1);
    pthread_mutex_lock(&cache->lock);
    bool taken = cache->running && cache->queued < MOST_QUEUED;
    if (taken) {
        *cache->last = one;
        cache->last = &one->next;
        cache->queued++;
        cache->taken++;
        pthread_cond_signal(&cache->wake);
    }
    pthread_mutex_unlock(&cache->lock);
    if (!taken)
        free(one);
}

void kernel_cache_settle(struct kernel_cache *cache, int milliseconds)
{
    int64_t end = clock_nanoseconds() + milliseconds * INT64_C(1000000);
    struct timespec until = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
    pthread_mutex_lock(&cache->lock);
    uint64_t wanted = cache->taken;
    while (cache->running && cache->sent < wanted &&
           pthread_cond_timedwait(&cache->progress, &cache->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&cache->lock);
}

void kernel_cache_remove_name(struct filesystem *fs, struct place directory, const char *name)
{
    enqueue(fs->kernel_cache, REMOVE_ENTRY, node_id(&fs->nodes, directory), name);
}

static void enqueue_entry(struct filesystem *fs, enum notification_kind kind,
                          const struct node *node)
{
    struct place directory = {node->parent, node->member};
    enqueue(fs->kernel_cache, kind, node_id(&fs->nodes, directory), node->name);
}

void kernel_cache_remove_entry(struct filesystem *fs, const struct node *node)
{
    if (node->lookups)
        enqueue_entry(fs, REMOVE_ENTRY, node);
}

void kernel_cache_expire_entry(struct filesystem *fs, const struct node *node)
{
    enqueue_entry(fs, EXPIRE_ENTRY, node);
}

void kernel_cache_forget_attributes(struct filesystem *fs, const struct node *node)
{
    size_t count;
    const struct member *rows = members_of(node->kind, &count);
    struct place place = {(struct node *)(uintptr_t)node, MEMBER_SELF};
    enqueue(fs->kernel_cache, FORGET_ATTRIBUTES, node_id(&fs->nodes, place), "");
    for (size_t i = 0; i < count; i++) {
        place.member = rows[i].id;
        enqueue(fs->kernel_cache, FORGET_ATTRIBUTES, node_id(&fs->nodes, place), "");
    }
}
