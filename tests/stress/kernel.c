/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include "base/banned.h"
#include "base/clock.h"
#include "inode/filesystem.h"

#include <errno.h>

enum {
    LONGEST_WAIT_S = 60, /* no request may take longer: the deadlines are much shorter */
    LONGEST_AFTER_INTERRUPT_S = 30,
    EARLY_INTERRUPTS = 16, /* one of so many requests is interrupted before it is handled */
    INTERRUPTS = 6,        /* one of so many later */
    REFUSED_ANSWERS = 8,   /* of the interrupted ones: the kernel does not want the answer */
    MOST_DELAY_US = 3000,
};

/* As in libfuse: freed when the last of request and interrupter lets go of it. */
struct fuse_req {
    pthread_mutex_t lock;                  /* held while the interrupt callback runs */
    struct fuse_req *next, **link_to_this; /* session.lock */
    int references;                        /* session.lock */
    bool interrupted;                      /* session.lock */
    fuse_interrupt_func_t callback;        /* session.lock */
    void *context;                         /* session.lock */
    unsigned registrations;                /* lock */
    uint64_t unique;
    struct fuse_ctx caller;
    struct waiting *waiting;
};

/* The process that waits. */
struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct answer *answer;
    uint64_t unique;
    bool answered;
};

static struct {
    pthread_mutex_t lock;
    struct fuse_req *first;
    uint64_t last_unique;
    struct filesystem *fs;
    atomic_uint_fast64_t requests, interrupted, failed;
} session = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct due {
        uint64_t unique;
        int64_t when; /* clock_milliseconds() * 1000 */
    } queue[4096];
    size_t count;
    bool stopping;
    pthread_t thread;
} interrupter = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static _Thread_local uint64_t random_state;
static _Thread_local struct waiting mine = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                            .wake = PTHREAD_COND_INITIALIZER};

void random_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

static void broken(const char *what)
{
    fprintf(stderr, "stress: %s\n", what);
    abort();
}

/* --- requests --- */

static void queue_interrupt(uint64_t unique)
{
    pthread_mutex_lock(&interrupter.lock);
    if (interrupter.count < sizeof interrupter.queue / sizeof *interrupter.queue)
        interrupter.queue[interrupter.count++] =
            (struct due){unique, clock_nanoseconds() / 1000 + random_below(MOST_DELAY_US)};
    pthread_cond_signal(&interrupter.wake);
    pthread_mutex_unlock(&interrupter.lock);
}

fuse_req_t kernel_begin(struct answer *answer, int pid)
{
    struct fuse_req *req = calloc(1, sizeof *req);
    if (!req)
        broken("no memory");
    free(answer->bytes);
    *answer = (struct answer){0};
    mine.answer = answer;
    mine.answered = false;
    pthread_mutex_init(&req->lock, NULL);
    req->waiting = &mine;
    req->references = 1;
    req->caller.pid = pid;
    atomic_fetch_add(&session.requests, 1);
    bool early = random_below(EARLY_INTERRUPTS) == 0;
    answer->interrupted = early || random_below(INTERRUPTS) == 0;
    pthread_mutex_lock(&session.lock);
    req->interrupted = early;
    mine.unique = req->unique = ++session.last_unique;
    req->next = session.first;
    req->link_to_this = &session.first;
    if (req->next)
        req->next->link_to_this = &req->next;
    session.first = req;
    pthread_mutex_unlock(&session.lock);
    if (answer->interrupted && !early)
        queue_interrupt(mine.unique);
    return req;
}

int kernel_wait(struct answer *answer)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    pthread_mutex_lock(&mine.lock);
    until.tv_sec += answer->interrupted ? LONGEST_AFTER_INTERRUPT_S : LONGEST_WAIT_S;
    while (!mine.answered) {
        if (pthread_cond_timedwait(&mine.wake, &mine.lock, &until) == ETIMEDOUT)
            broken(answer->interrupted ? "an interrupted request is not answered"
                                       : "a request is not answered");
    }
    int error = answer->error;
    pthread_mutex_unlock(&mine.lock);
    if (error == EINTR)
        atomic_fetch_add(&session.interrupted, 1);
    else if (error && error != ENOENT)
        atomic_fetch_add(&session.failed, 1);
    return error;
}

static void destroy(struct fuse_req *req)
{
    pthread_mutex_destroy(&req->lock);
    free(req);
}

/* The end of every reply: libfuse's fuse_free_req(). */
static int deliver(struct fuse_req *req, const struct answer *content, bool wanted)
{
    struct waiting *waiting = req->waiting;
    pthread_mutex_lock(&waiting->lock);
    if (waiting->answered || waiting->unique != req->unique)
        broken("a second reply");
    bool refused = waiting->answer->interrupted && wanted && random_below(REFUSED_ANSWERS) == 0;
    bool interrupted = waiting->answer->interrupted;
    *waiting->answer = *content;
    waiting->answer->interrupted = interrupted;
    if (refused) {
        free(waiting->answer->bytes);
        *waiting->answer = (struct answer){.error = EINTR, .interrupted = true};
    }
    pthread_mutex_lock(&session.lock);
    req->callback = NULL;
    *req->link_to_this = req->next;
    if (req->next)
        req->next->link_to_this = req->link_to_this;
    bool last = --req->references == 0;
    pthread_mutex_unlock(&session.lock);
    if (last)
        destroy(req);
    waiting->answered = true;
    pthread_cond_signal(&waiting->wake);
    pthread_mutex_unlock(&waiting->lock);
    return refused ? -ENOENT : 0;
}

/* --- interrupts --- */

static void interrupt(uint64_t unique)
{
    pthread_mutex_lock(&session.lock);
    struct fuse_req *req = session.first;
    while (req && req->unique != unique)
        req = req->next;
    if (!req) {
        pthread_mutex_unlock(&session.lock);
        return;
    }
    req->references++;
    pthread_mutex_unlock(&session.lock);
    pthread_mutex_lock(&req->lock);
    pthread_mutex_lock(&session.lock);
    req->interrupted = true;
    fuse_interrupt_func_t callback = req->callback;
    void *context = req->context;
    pthread_mutex_unlock(&session.lock);
    if (callback)
        callback(req, context);
    pthread_mutex_unlock(&req->lock);
    pthread_mutex_lock(&session.lock);
    bool last = --req->references == 0;
    pthread_mutex_unlock(&session.lock);
    if (last)
        destroy(req);
}

static void *interrupter_thread(void *context)
{
    (void)context;
    random_seed(1);
    pthread_mutex_lock(&interrupter.lock);
    while (!interrupter.stopping || interrupter.count) {
        struct due due = {0};
        int64_t now = clock_nanoseconds() / 1000;
        for (size_t i = 0; i < interrupter.count; i++) {
            if (interrupter.queue[i].when <= now) {
                due = interrupter.queue[i];
                interrupter.queue[i] = interrupter.queue[--interrupter.count];
                break;
            }
        }
        if (!due.unique && !interrupter.count) {
            pthread_cond_wait(&interrupter.wake, &interrupter.lock);
            continue;
        }
        pthread_mutex_unlock(&interrupter.lock);
        if (due.unique)
            interrupt(due.unique);
        else
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        pthread_mutex_lock(&interrupter.lock);
    }
    pthread_mutex_unlock(&interrupter.lock);
    return NULL;
}

void kernel_start(struct filesystem *fs)
{
    session.fs = fs;
    if (pthread_create(&interrupter.thread, NULL, interrupter_thread, NULL) != 0)
        broken("no thread");
}

void kernel_stop(void)
{
    pthread_mutex_lock(&interrupter.lock);
    interrupter.stopping = true;
    pthread_cond_signal(&interrupter.wake);
    pthread_mutex_unlock(&interrupter.lock);
    pthread_join(interrupter.thread, NULL);
    if (session.first)
        broken("a request was never answered");
}

void kernel_figures(uint64_t *requests, uint64_t *interrupted, uint64_t *failed)
{
    *requests = atomic_load(&session.requests);
    *interrupted = atomic_load(&session.interrupted);
    *failed = atomic_load(&session.failed);
}

/* --- libfuse's functions --- */

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t callback, void *context)
{
    pthread_mutex_lock(&req->lock);
    pthread_mutex_lock(&session.lock);
    req->callback = callback;
    req->context = context;
    bool interrupted = req->interrupted;
    pthread_mutex_unlock(&session.lock);
    if (interrupted && callback)
        callback(req, context);
    req->registrations++; /* libfuse goes on with the request here: it must still be there */
    pthread_mutex_unlock(&req->lock);
}

void *fuse_req_userdata(fuse_req_t req)
{
    (void)req;
    return session.fs;
}

const struct fuse_ctx *fuse_req_ctx(fuse_req_t req)
{
    return &req->caller;
}

int fuse_reply_err(fuse_req_t req, int error)
{
    return deliver(req, &(struct answer){.error = error}, false);
}

void fuse_reply_none(fuse_req_t req)
{
    deliver(req, &(struct answer){0}, false);
}

int fuse_reply_entry(fuse_req_t req, const struct fuse_entry_param *entry)
{
    return deliver(req, &(struct answer){.entry = *entry}, true);
}

int fuse_reply_create(fuse_req_t req, const struct fuse_entry_param *entry,
                      const struct fuse_file_info *file)
{
    return deliver(req, &(struct answer){.entry = *entry, .handle = file->fh}, true);
}

int fuse_reply_attr(fuse_req_t req, const struct stat *attributes, double timeout)
{
    (void)timeout;
    return deliver(req, &(struct answer){.attributes = *attributes}, false);
}

int fuse_reply_open(fuse_req_t req, const struct fuse_file_info *file)
{
    return deliver(req, &(struct answer){.handle = file->fh}, true);
}

int fuse_reply_buf(fuse_req_t req, const char *bytes, size_t size)
{
    struct answer answer = {.bytes = malloc(size + 1), .size = size};
    if (!answer.bytes)
        broken("no memory");
    if (size)
        memcpy(answer.bytes, bytes, size);
    return deliver(req, &answer, true);
}

int fuse_reply_iov(fuse_req_t req, const struct iovec *pieces, int count)
{
    struct answer answer = {0};
    for (int i = 0; i < count; i++)
        answer.size += pieces[i].iov_len;
    answer.bytes = malloc(answer.size + 1);
    if (!answer.bytes)
        broken("no memory");
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        memcpy(answer.bytes + at, pieces[i].iov_base, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    return deliver(req, &answer, true);
}

int fuse_reply_readlink(fuse_req_t req, const char *target)
{
    return fuse_reply_buf(req, target, strlen(target));
}

int fuse_reply_xattr(fuse_req_t req, size_t size)
{
    return deliver(req, &(struct answer){.size = size}, false);
}

int fuse_reply_write(fuse_req_t req, size_t size)
{
    return deliver(req, &(struct answer){.size = size}, false);
}

int fuse_reply_statfs(fuse_req_t req, const struct statvfs *figures)
{
    (void)figures;
    return deliver(req, &(struct answer){0}, false);
}

/* Notifications take a moment, as the kernel's locks do. */
static int notified(void)
{
    static _Atomic unsigned count;
    if (atomic_fetch_add(&count, 1) % 64 == 0)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    return 0;
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *se, fuse_ino_t id, off_t offset,
                                     off_t length)
{
    (void)se, (void)id, (void)offset, (void)length;
    return notified();
}

int fuse_lowlevel_notify_inval_entry(struct fuse_session *se, fuse_ino_t parent, const char *name,
                                     size_t length)
{
    (void)se, (void)parent;
    if (strlen(name) != length)
        broken("a notification with a wrong length");
    return notified();
}

#ifdef EXPIRE_ENTRY_HAS_FLAGS
int fuse_lowlevel_notify_expire_entry(struct fuse_session *se, fuse_ino_t parent, const char *name,
                                      size_t length, enum fuse_expire_flags flags)
#else
int fuse_lowlevel_notify_expire_entry(struct fuse_session *se, fuse_ino_t parent, const char *name,
                                      size_t length)
#endif
{
#ifdef EXPIRE_ENTRY_HAS_FLAGS
    (void)flags;
#endif
    return fuse_lowlevel_notify_inval_entry(se, parent, name, length);
}
