/* SPDX-License-Identifier: MIT */
#include "passthrough.h"

#include <linux/fuse.h> /* before base/banned.h: it has a member that is called ctime */

#include "base/banned.h"
#include "inode/filesystem.h"
#include "report/privilege.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of the kernel's interface, newer than the headers that this must compile with. libfuse's own
 * calls for it log each refusal, and want a request. */
struct backing_map {
    int32_t fd;
    uint32_t flags;
    uint64_t padding;
};

#define BACKING_OPEN  _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

enum { BUCKETS = 1024 };

struct passed_inode {
    struct passed_inode *next;
    fuse_ino_t number;
    unsigned opens;         /* under the lock */
    int backing;            /* the kernel's number of what it reads; 0: it asks us. Immutable */
    struct disk_hold *hold; /* likewise: what it reads */
};

struct passthrough {
    const char *directory;
    uint32_t depth;       /* file systems, at most, of which one lies on the other */
    bool wanted;          /* immutable once the session is served */
    bool met;             /* the reading thread's: the kernel's first request has come */
    uint64_t greeting;    /* … its number */
    uint64_t offered;     /* … what the kernel can do */
    bool answered;        /* … our answer has been given */
    atomic_int device;    /* of the session; -1: none, or it is being ended */
    atomic_bool agreed;   /* the kernel knows that it may be asked for it */
    atomic_bool hopeless; /* it refuses all */
    _Atomic(const char *) obstacle;
    pthread_mutex_t lock; /* of what follows */
    struct passed_inode *buckets[BUCKETS];
    unsigned inodes;
    uint64_t opens;
};

/* --- agreeing with the kernel --- */

/* Whether the directory, or where it will be made, lies on an overlay. */
static bool is_on_overlay(const char *directory)
{
    char path[PATH_MAX];
    struct statfs status;
    snprintf(path, sizeof path, "%s/", directory);
    while (statfs(path, &status) != 0) {
        *strrchr(path, '/') = '\0';
        char *slash = strrchr(path, '/');
        if (!slash)
            return false;
        slash[1] = '\0';
    }
    return status.f_type == OVERLAYFS_SUPER_MAGIC;
}

struct passthrough *passthrough_new(const struct passthrough_config *config)
{
    struct passthrough *passthrough = calloc(1, sizeof *passthrough);
    const char *obstacle = NULL;
    if (!passthrough)
        return NULL;
    if (!config->wanted)
        obstacle = "off: by option";
    else if (!config->directory)
        obstacle = "off: there is no disk cache";
    else if (!privilege_to_mount())
        obstacle = "off: it needs root (CAP_SYS_ADMIN)";
    passthrough->wanted = !obstacle;
    /* One more, and no overlay could lie on this mount. */
    passthrough->depth = !obstacle && is_on_overlay(config->directory) ? 2 : 1;
    atomic_init(&passthrough->obstacle, obstacle);
    atomic_init(&passthrough->device, -1);
    pthread_mutex_init(&passthrough->lock, NULL);
    return passthrough;
}

void passthrough_free(struct passthrough *passthrough)
{
    if (!passthrough)
        return;
    pthread_mutex_destroy(&passthrough->lock);
    free(passthrough);
}

static const char kernel_too_old[] = "off: the kernel cannot do it (Linux 6.9 can)";

#ifdef LIBFUSE_KNOWS_PASSTHROUGH /* --- since 3.17 --- */

void passthrough_agree(struct passthrough *passthrough, struct fuse_conn_info *connection)
{
    fuse_set_feature_flag(connection, FUSE_CAP_PARALLEL_DIROPS);
    if (!passthrough->wanted)
        return;
    if (!fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH)) {
        atomic_store(&passthrough->obstacle, kernel_too_old);
        return;
    }
    connection->max_backing_stack_depth = passthrough->depth - 1; /* it leaves this mount out */
    atomic_store(&passthrough->agreed, true);
}

bool passthrough_attach(struct passthrough *passthrough, struct fuse_session *session)
{
    atomic_store(&passthrough->device, fuse_session_fd(session));
    return true;
}

/* The kernel takes no other flags together with that one. */
int passthrough_reply_open(fuse_req_t fuse, const struct fuse_file_info *file,
                           const struct passed_inode *inode)
{
    if (!inode || inode->backing == 0)
        return fuse_reply_open(fuse, file);
    struct fuse_file_info passed = {
        .fh = file->fh, .noflush = file->noflush, .backing_id = inode->backing};
    return fuse_reply_open(fuse, &passed);
}

#else /* --- with an older one: in the messages themselves --- */

/* Of the kernel's interface, as above. */
#define INIT_PASSTHROUGH (UINT64_C(1) << 37)
#define OPEN_PASSTHROUGH (UINT32_C(1) << 7)

/* Where answers hold what older headers call unused or padding. */
enum {
    MAX_STACK_DEPTH = offsetof(struct fuse_init_out, flags2) + sizeof(uint32_t),
    BACKING_ID = offsetof(struct fuse_open_out, open_flags) + sizeof(uint32_t),
};

/* The kernel's first request says what it can do. */
static void note_greeting(struct passthrough *passthrough, const char *bytes, size_t size)
{
    struct fuse_in_header header;
    struct fuse_init_in greeting = {0};
    if (size < sizeof header + offsetof(struct fuse_init_in, flags2))
        return;
    memcpy(&header, bytes, sizeof header);
    if (header.opcode != FUSE_INIT)
        return;
    size_t rest = size - sizeof header;
    memcpy(&greeting, bytes + sizeof header, rest < sizeof greeting ? rest : sizeof greeting);
    passthrough->met = true;
    passthrough->greeting = header.unique;
    passthrough->offered = greeting.flags;
    if (greeting.flags & FUSE_INIT_EXT)
        passthrough->offered |= (uint64_t)greeting.flags2 << 32;
}

/* What libfuse answers lacks what it does not know, and what it leaves to programs: several names
 * of one directory may be looked up at once (3.14 says that they may, and does not tell the
 * kernel).
 */
static void complete_answer(struct passthrough *passthrough, struct fuse_init_out *answer)
{
    answer->flags |= (uint32_t)passthrough->offered & FUSE_PARALLEL_DIROPS;
    if (!passthrough->wanted)
        return;
    if (!(passthrough->offered & INIT_PASSTHROUGH)) {
        atomic_store(&passthrough->obstacle, kernel_too_old);
        return;
    }
    answer->flags |= FUSE_INIT_EXT;
    answer->flags2 |= (uint32_t)(INIT_PASSTHROUGH >> 32);
    memcpy((char *)answer + MAX_STACK_DEPTH, &passthrough->depth, sizeof passthrough->depth);
    atomic_store(&passthrough->agreed, true);
}

static ssize_t read_device(int device, void *buffer, size_t size, void *userdata)
{
    struct passthrough *passthrough = ((struct filesystem *)userdata)->passthrough;
    ssize_t got = read(device, buffer, size);
    if (got > 0 && !passthrough->met)
        note_greeting(passthrough, buffer, (size_t)got);
    return got;
}

static ssize_t write_device(int device, struct iovec *pieces, int count, void *userdata)
{
    struct passthrough *passthrough = ((struct filesystem *)userdata)->passthrough;
    const struct fuse_out_header *header = pieces[0].iov_base;
    struct fuse_init_out answer;
    if (passthrough->answered || count != 2 || pieces[0].iov_len != sizeof *header ||
        pieces[1].iov_len != sizeof answer || header->error || !passthrough->met ||
        header->unique != passthrough->greeting)
        return writev(device, pieces, count);
    memcpy(&answer, pieces[1].iov_base, sizeof answer);
    complete_answer(passthrough, &answer);
    passthrough->answered = true;
    struct iovec completed[] = {pieces[0], {.iov_base = &answer, .iov_len = sizeof answer}};
    return writev(device, completed, 2);
}

void passthrough_agree(struct passthrough *passthrough, struct fuse_conn_info *connection)
{
    (void)passthrough;
    (void)connection;
}

bool passthrough_attach(struct passthrough *passthrough, struct fuse_session *session)
{
    const struct fuse_custom_io calls = {.read = read_device, .writev = write_device};
    int device = fuse_session_fd(session);
    atomic_store(&passthrough->device, device);
    return fuse_session_custom_io(session, &calls, device) == 0;
}

/* The kernel takes no other flags together with that one. */
int passthrough_reply_open(fuse_req_t fuse, const struct fuse_file_info *file,
                           const struct passed_inode *inode)
{
    if (!inode || inode->backing == 0)
        return fuse_reply_open(fuse, file);
    struct fuse_open_out answer = {.fh = file->fh,
                                   .open_flags = OPEN_PASSTHROUGH |
                                                 (file->noflush ? (uint32_t)FOPEN_NOFLUSH : 0)};
    uint32_t backing = (uint32_t)inode->backing;
    memcpy((char *)&answer + BACKING_ID, &backing, sizeof backing);
    return fuse_reply_buf(fuse, (const char *)&answer, sizeof answer);
}

#endif

void passthrough_detach(struct passthrough *passthrough)
{
    if (passthrough)
        atomic_store(&passthrough->device, -1);
}

/* --- what the kernel reads --- */

static void note_refusal(struct passthrough *passthrough, int reason)
{
    const char *obstacle = "off: the kernel refuses it";
    if (reason == EPERM)
        obstacle = "off: the kernel refuses it here, as in user namespaces";
    else if (reason == ELOOP)
        obstacle = "off: the cache lies on too many file systems, one on the other (overlay)";
    atomic_store(&passthrough->obstacle, obstacle);
    if (reason == EPERM || reason == ENOTTY || reason == EOPNOTSUPP || reason == ENOSYS)
        atomic_store(&passthrough->hopeless, true);
}

/* The number by which the kernel reads the content; 0: it does not. */
static int give(struct passthrough *passthrough, const struct disk_hold *hold)
{
    struct backing_map map = {.fd = disk_hold_descriptor(hold)};
    int backing = ioctl(atomic_load(&passthrough->device), BACKING_OPEN, &map);
    if (backing > 0) {
        atomic_store(&passthrough->obstacle, NULL);
        return backing;
    }
    note_refusal(passthrough, backing < 0 ? errno : 0);
    return 0;
}

static void take_back(struct passthrough *passthrough, int backing, struct disk_hold *hold)
{
    uint32_t number = (uint32_t)backing;
    int device = atomic_load(&passthrough->device);
    /* With the device, the kernel gives up all. */
    if (backing > 0 && device >= 0)
        ioctl(device, BACKING_CLOSE, &number);
    disk_hold_release(hold);
}

/* --- inodes --- */

bool passthrough_is_wanted(const struct passthrough *passthrough)
{
    return atomic_load(&passthrough->agreed) && !atomic_load(&passthrough->hopeless);
}

/* Needs the lock. */
static struct passed_inode *join(struct passthrough *passthrough, fuse_ino_t number)
{
    struct passed_inode *inode = passthrough->buckets[number % BUCKETS];
    while (inode && inode->number != number)
        inode = inode->next;
    if (!inode)
        return NULL;
    inode->opens++;
    passthrough->opens += inode->backing > 0;
    return inode;
}

struct passed_inode *passthrough_join(struct passthrough *passthrough, fuse_ino_t number)
{
    pthread_mutex_lock(&passthrough->lock);
    struct passed_inode *inode = join(passthrough, number);
    pthread_mutex_unlock(&passthrough->lock);
    return inode;
}

struct passed_inode *passthrough_enter(struct passthrough *passthrough, fuse_ino_t number,
                                       struct disk_hold *hold)
{
    int backing = hold ? give(passthrough, hold) : 0;
    struct passed_inode *spare = calloc(1, sizeof *spare);
    struct passed_inode *inode = NULL;
    if (spare) {
        *spare = (struct passed_inode){
            .number = number, .opens = 1, .backing = backing, .hold = backing > 0 ? hold : NULL};
        pthread_mutex_lock(&passthrough->lock);
        inode = join(passthrough, number);
        if (!inode) {
            inode = spare;
            inode->next = passthrough->buckets[number % BUCKETS];
            passthrough->buckets[number % BUCKETS] = inode;
            passthrough->inodes += backing > 0;
            passthrough->opens += backing > 0;
        }
        pthread_mutex_unlock(&passthrough->lock);
    }
    if (!inode || inode != spare || backing == 0)
        take_back(passthrough, backing, hold);
    if (inode != spare)
        free(spare);
    return inode;
}

bool passthrough_is_passed(const struct passed_inode *inode)
{
    return inode->backing > 0;
}

void passthrough_leave(struct passthrough *passthrough, struct passed_inode *inode)
{
    if (!inode)
        return;
    pthread_mutex_lock(&passthrough->lock);
    bool last = --inode->opens == 0;
    if (last) {
        struct passed_inode **link = &passthrough->buckets[inode->number % BUCKETS];
        while (*link != inode)
            link = &(*link)->next;
        *link = inode->next;
        passthrough->inodes -= inode->backing > 0;
    }
    pthread_mutex_unlock(&passthrough->lock);
    if (!last)
        return;
    take_back(passthrough, inode->backing, inode->hold);
    free(inode);
}

void passthrough_read_figures(struct passthrough *passthrough, struct passthrough_figures *figures)
{
    const char *obstacle = atomic_load(&passthrough->obstacle);
    pthread_mutex_lock(&passthrough->lock);
    *figures = (struct passthrough_figures){.way = obstacle ? obstacle : "on",
                                            .inodes = passthrough->inodes,
                                            .opens = passthrough->opens};
    pthread_mutex_unlock(&passthrough->lock);
}
