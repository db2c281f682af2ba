/* SPDX-License-Identifier: MIT */
#include "kernel_cache.h"

#include "base/clock.h"
#include "inode/filesystem.h"
#include "member.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <signal.h>

enum { MOST_QUEUED = 1 << 20 };

static const uint64_t NOBODY = UINT64_MAX;

enum notification_kind { REMOVE_ENTRY, EXPIRE_ENTRY, FORGET_ATTRIBUTES, DROP_PAGES };

struct notification {
    struct notification *next;
    fuse_ino_t id;
    enum notification_kind kind;
    off_t offset, length; /* of pages; length 0: to the end */
    char name[];          /* of an entry */
};

struct sender {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct notification *first, **last; /* under lock */
    uint64_t taken, sent;               /* under lock: notifications, since the beginning */
    uint64_t awaited; /* under lock: least number that somebody waits to see sent, or NOBODY */
    pthread_cond_t progress;
    bool running;                 /* under lock */
    struct fuse_session *session; /* set before the thread starts */
    bool has_thread;
    pthread_t thread;
};

/* The kernel waits for a directory's lock before it forgets a name in it, for pages that are being
 * read, never for attributes. */
struct kernel_cache {
    struct sender attributes, names, pages;
};

static void sender_init(struct sender *sender)
{
    pthread_mutex_init(&sender->lock, NULL);
    pthread_cond_init(&sender->wake, NULL);
    clock_condition(&sender->progress);
    sender->last = &sender->first;
    sender->awaited = NOBODY;
}

struct kernel_cache *kernel_cache_new(void)
{
    struct kernel_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    sender_init(&cache->attributes);
    sender_init(&cache->names);
    sender_init(&cache->pages);
    return cache;
}

/* Errors are of no interest: the kernel does not know the inode or name, which is what is wanted.
 */
static void send_one(struct fuse_session *session, const struct notification *one)
{
    size_t length = strlen(one->name);
    int result = -ENOSYS;
    switch (one->kind) {
    case FORGET_ATTRIBUTES:
        fuse_lowlevel_notify_inval_inode(session, one->id, -1, 0);
        break;
    case DROP_PAGES:
        fuse_lowlevel_notify_inval_inode(session, one->id, one->offset, one->length);
        break;
    case EXPIRE_ENTRY:
#ifdef EXPIRE_ENTRY_HAS_FLAGS
        result = fuse_lowlevel_notify_expire_entry(session, one->id, one->name, length,
                                                   FUSE_LL_EXPIRE_ONLY);
#else
        result = fuse_lowlevel_notify_expire_entry(session, one->id, one->name, length);
#endif
        if (result != -ENOSYS)
            break;
        __attribute__((fallthrough));
    case REMOVE_ENTRY:
        fuse_lowlevel_notify_inval_entry(session, one->id, one->name, length);
        break;
    }
}

static void *send_thread(void *context)
{
    struct sender *sender = context;
    pthread_mutex_lock(&sender->lock);
    while (sender->running) {
        struct notification *one = sender->first;
        if (!one) {
            pthread_cond_wait(&sender->wake, &sender->lock);
            continue;
        }
        sender->first = one->next;
        if (!sender->first)
            sender->last = &sender->first;
        pthread_mutex_unlock(&sender->lock);
        send_one(sender->session, one);
        free(one);
        pthread_mutex_lock(&sender->lock);
        if (++sender->sent >= sender->awaited) {
            sender->awaited = NOBODY; /* who waits for more says so again */
            pthread_cond_broadcast(&sender->progress);
        }
    }
    pthread_cond_broadcast(&sender->progress);
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

static bool sender_start(struct sender *sender, struct fuse_session *session)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_mutex_lock(&sender->lock); /* the thread waits until all of this is in place */
    sender->session = session;
    sender->has_thread = pthread_create(&sender->thread, NULL, send_thread, sender) == 0;
    sender->running = sender->has_thread;
    pthread_mutex_unlock(&sender->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return sender->has_thread;
}

bool kernel_cache_start(struct kernel_cache *cache, struct fuse_session *session)
{
    return sender_start(&cache->attributes, session) && sender_start(&cache->names, session) &&
           sender_start(&cache->pages, session);
}

static void sender_stop(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    sender->running = false;
    pthread_cond_signal(&sender->wake);
    pthread_mutex_unlock(&sender->lock);
    if (sender->has_thread)
        pthread_join(sender->thread, NULL);
    sender->has_thread = false;
}

void kernel_cache_stop(struct kernel_cache *cache)
{
    sender_stop(&cache->attributes);
    sender_stop(&cache->names);
    sender_stop(&cache->pages);
}

static void sender_release(struct sender *sender)
{
    for (struct notification *one = sender->first, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    pthread_cond_destroy(&sender->wake);
    pthread_cond_destroy(&sender->progress);
    pthread_mutex_destroy(&sender->lock);
}

void kernel_cache_free(struct kernel_cache *cache)
{
    if (!cache)
        return;
    kernel_cache_stop(cache);
    sender_release(&cache->attributes);
    sender_release(&cache->names);
    sender_release(&cache->pages);
    free(cache);
}

static struct notification *new_notification(enum notification_kind kind, fuse_ino_t id,
                                             const char *name)
{
    struct notification *one = calloc(1, sizeof *one + strlen(name) + 1);
    if (!one)
        return NULL; /* the kernel's own time limits end it a little later */
    one->kind = kind;
    one->id = id;
    memcpy(one->name, name, strlen(name) + 1);
    return one;
}

static void enqueue_one(struct sender *sender, struct notification *one)
{
    pthread_mutex_lock(&sender->lock);
    bool taken = sender->running && sender->taken - sender->sent < MOST_QUEUED;
    if (taken) {
        *sender->last = one;
        sender->last = &one->next;
        sender->taken++;
        pthread_cond_signal(&sender->wake);
    }
    pthread_mutex_unlock(&sender->lock);
    if (!taken)
        free(one);
}

static void enqueue(struct sender *sender, enum notification_kind kind, fuse_ino_t id,
                    const char *name)
{
    struct notification *one = new_notification(kind, id, name);
    if (one)
        enqueue_one(sender, one);
}

static void settle(struct sender *sender, int64_t end)
{
    struct timespec until = clock_timespec(end);
    int result = 0;
    pthread_mutex_lock(&sender->lock);
    uint64_t wanted = sender->taken;
    while (sender->running && sender->sent < wanted && result == 0) {
        if (sender->awaited > wanted)
            sender->awaited = wanted;
        result = pthread_cond_timedwait(&sender->progress, &sender->lock, &until);
    }
    pthread_mutex_unlock(&sender->lock);
}

void kernel_cache_settle(struct kernel_cache *cache, int milliseconds)
{
    int64_t end = clock_nanoseconds() + milliseconds * CLOCK_MILLISECOND;
    settle(&cache->attributes, end);
    settle(&cache->names, end);
}

void kernel_cache_settle_attributes(struct kernel_cache *cache, int milliseconds)
{
    settle(&cache->attributes, clock_nanoseconds() + milliseconds * CLOCK_MILLISECOND);
}

void kernel_cache_drop_pages(struct kernel_cache *cache, uint64_t id, uint64_t from, uint64_t to)
{
    struct notification *one = new_notification(DROP_PAGES, id, "");
    if (!one)
        return;
    one->offset = (off_t)from;
    one->length = to <= INT64_MAX ? (off_t)(to - from) : 0;
    enqueue_one(&cache->pages, one);
}

void kernel_cache_settle_pages(struct kernel_cache *cache, int milliseconds)
{
    settle(&cache->pages, clock_nanoseconds() + milliseconds * CLOCK_MILLISECOND);
}

void kernel_cache_remove_name(struct filesystem *fs, struct place directory, const char *name)
{
    enqueue(&fs->kernel_cache->names, REMOVE_ENTRY, node_id(&fs->nodes, directory), name);
}

static void enqueue_entry(struct filesystem *fs, enum notification_kind kind,
                          const struct node *node)
{
    struct place directory = {node->parent, node->member};
    enqueue(&fs->kernel_cache->names, kind, node_id(&fs->nodes, directory), node->name);
}

void kernel_cache_remove_entry(struct filesystem *fs, struct node *node)
{
    if (node->lookups)
        enqueue_entry(fs, REMOVE_ENTRY, node);
    node->named = false;
}

void kernel_cache_expire_entry(struct filesystem *fs, struct node *node)
{
    if (node->named)
        enqueue_entry(fs, EXPIRE_ENTRY, node);
    node->named = false;
}

static void forget_attributes_of(struct filesystem *fs, struct place place)
{
    if (place.node->told & node_bit(place.member))
        enqueue(&fs->kernel_cache->attributes, FORGET_ATTRIBUTES, node_id(&fs->nodes, place), "");
}

void kernel_cache_forget_attributes(struct filesystem *fs, struct node *node)
{
    size_t count;
    const struct member *rows = members_of(node->kind, &count);
    forget_attributes_of(fs, (struct place){node, MEMBER_SELF});
    for (size_t i = 0; i < count; i++)
        forget_attributes_of(fs, (struct place){node, rows[i].id});
    node->told = 0;
}
