/* SPDX-License-Identifier: MIT */
#include "disk_space.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "brief_lock.h"
#include "disk_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/statvfs.h>

enum {
    CREDIT_LARGEST = 16 << 20,
    SLACK_SHARE = 32,    /* of the limit, for what other processes hold as credit during a count */
    FREE_SHARE = 10,     /* of the disk, is never used */
    REMOVAL_SHARE = 10,  /* of the limit, is freed at a removal beyond what is needed */
    HEADROOM_SHARE = 16, /* of the limit: with less left, removal begins before anybody waits */
    COUNT_LOCK_MS = 100, /* who holds it needs it for two calls */
    TURN_MS = 2000,      /* while another process counts or removes */
    WAIT_MS = 1000,      /* who reserves */
    MOST_TRIES = 3,      /* of one reservation: others may take what was made */
    UNASKED_MS = 1000,   /* between rounds that nobody waits for */
};

/* What stands in the file `lock`. */
struct count {
    uint64_t used;
    uint64_t taken; /* credit that was ever taken, so that a count knows what came meanwhile */
};

void disk_space_init(struct disk_space *space, const char *directory, uint64_t limit)
{
    *space = (struct disk_space){.directory = directory, .limit = limit};
    pthread_mutex_init(&space->lock, NULL);
    clock_condition(&space->wake);
    clock_condition(&space->ended);
}

/* --- the count --- */

/* Opens and locks the count. A description of its own each time: flock then also excludes the
 * threads of one process from each other. */
static int lock_count(const struct disk_space *space)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", space->directory) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    cleanup_close int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0 || !lock_within(descriptor, LOCK_EX, COUNT_LOCK_MS))
        return -1;
    int locked = descriptor;
    descriptor = -1;
    return locked;
}

/* False: nobody has counted yet. */
static bool read_count(int descriptor, struct count *count)
{
    *count = (struct count){0};
    return pread(descriptor, count, sizeof *count, 0) == (ssize_t)sizeof *count;
}

static bool write_count(struct disk_space *space, int descriptor, const struct count *count)
{
    atomic_store(&space->used, count->used);
    return pwrite(descriptor, count, sizeof *count, 0) == (ssize_t)sizeof *count;
}

uint64_t disk_space_free(const char *directory)
{
    struct statvfs status;
    if (statvfs(directory, &status) != 0)
        return 0;
    uint64_t reserve = (uint64_t)status.f_blocks / FREE_SHARE;
    return status.f_bavail > reserve ? (status.f_bavail - reserve) * status.f_frsize : 0;
}

/* The disk does not know yet of what this process's threads are about to write. */
static uint64_t free_bytes_over_reserve(const struct disk_space *space)
{
    uint64_t promised = atomic_load(&space->writing) + (uint64_t)atomic_load(&space->credit);
    uint64_t free = disk_space_free(space->directory);
    return free > promised ? free - promised : 0;
}

static uint64_t usable_limit(const struct disk_space *space)
{
    return space->limit - space->limit / SLACK_SHARE;
}

static bool fits(const struct disk_space *space, uint64_t used, uint64_t bytes)
{
    return used + bytes <= usable_limit(space) && free_bytes_over_reserve(space) >= bytes;
}

/* --- counting and removing, on the thread --- */

/* Takes what was removed off the count. */
static void note_removed(struct disk_space *space, uint64_t removed)
{
    struct count count;
    cleanup_close int descriptor = lock_count(space);
    if (descriptor < 0 || !read_count(descriptor, &count))
        return;
    count.used = count.used > removed ? count.used - removed : 0;
    write_count(space, descriptor, &count);
}

/* Removes the oldest until there is room again; how much was removed. */
static uint64_t remove_oldest(struct disk_space *space, const struct disk_scan *scan, uint64_t used,
                              uint64_t missing)
{
    uint64_t limit = usable_limit(space);
    uint64_t target = limit - limit / REMOVAL_SHARE;
    uint64_t removed = 0;
    target = target > missing ? target - missing : 0;
    for (size_t i = 0; i < scan->oldest_count && !atomic_load(&space->stopping); i++) {
        if (used <= target + removed && free_bytes_over_reserve(space) >= missing)
            break;
        if (disk_scan_remove(space->directory, &scan->oldest[i]))
            removed += scan->oldest[i].bytes;
    }
    return removed;
}

/* Counts what is there, while others go on: what is taken meanwhile may be missed by the look, so
 * it is added. 0, or an errno. */
static int count_all(struct disk_space *space, struct disk_scan *scan, uint64_t *used)
{
    struct count before, after;
    uint64_t promised = (uint64_t)atomic_load(&space->credit) + atomic_load(&space->writing);
    int descriptor = lock_count(space);
    if (descriptor < 0)
        return errno;
    read_count(descriptor, &before);
    close(descriptor);
    if (!disk_scan(scan, space->directory, &space->stopping))
        return errno;
    descriptor = lock_count(space);
    if (descriptor < 0)
        return errno;
    read_count(descriptor, &after);
    uint64_t meanwhile = after.taken > before.taken ? after.taken - before.taken : 0;
    after.used = *used = scan->bytes + promised + meanwhile;
    bool written = write_count(space, descriptor, &after);
    int reason = errno;
    close(descriptor);
    return written ? 0 : reason;
}

static bool has_headroom(const struct disk_space *space, uint64_t used, uint64_t missing)
{
    uint64_t limit = usable_limit(space);
    return used + missing <= limit - limit / HEADROOM_SHARE &&
           free_bytes_over_reserve(space) >= missing;
}

/* One process at a time counts or removes, unless it takes too long, as when it was stopped. The
 * lock goes with the descriptor. */
static int take_turn(const struct disk_space *space)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" DISK_PLACE_VERIFIED, space->directory) >= PATH_MAX)
        return -1;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0)
        lock_within(descriptor, LOCK_EX, TURN_MS);
    return descriptor;
}

/* 0: there is room, or an errno. */
static int make_room(struct disk_space *space, uint64_t missing)
{
    uint64_t used = 0, removed = 1;
    cleanup_close int turn = take_turn(space);
    (void)turn; /* held until the end */
    while (removed > 0) {
        cleanup(disk_scan_release) struct disk_scan scan = {0};
        int failure = count_all(space, &scan, &used);
        if (failure)
            return failure;
        if (has_headroom(space, used, missing))
            return 0;
        removed = remove_oldest(space, &scan, used, missing);
        note_removed(space, removed);
        used -= removed < used ? removed : used;
        if (scan.oldest_count == scan.count)
            break; /* they were all there are */
    }
    return fits(space, used, missing) ? 0 : ENOSPC;
}

static void *serve(void *context)
{
    struct disk_space *space = context;
    pthread_mutex_lock(&space->lock);
    while (!atomic_load(&space->stopping)) {
        if (!space->wanted) {
            pthread_cond_wait(&space->wake, &space->lock);
            continue;
        }
        uint64_t missing = space->missing;
        space->wanted = false;
        space->running = true;
        space->missing = 0;
        pthread_mutex_unlock(&space->lock);
        int failure = make_room(space, missing);
        pthread_mutex_lock(&space->lock);
        space->running = false;
        space->unasked = clock_milliseconds() + UNASKED_MS;
        space->failure = failure;
        space->counted = space->counted || !failure || failure == ENOSPC;
        space->late = false;
        space->round++;
        pthread_cond_broadcast(&space->ended);
    }
    pthread_mutex_unlock(&space->lock);
    return NULL;
}

/* Under the lock. False: there is no thread to do it. */
static bool begin_round(struct disk_space *space, uint64_t missing)
{
    if (missing > space->missing)
        space->missing = missing;
    if (!space->has_thread) {
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        space->has_thread = pthread_create(&space->thread, NULL, serve, space) == 0;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    space->wanted = true;
    pthread_cond_signal(&space->wake);
    return space->has_thread;
}

/* Has it counted and removed in the background, without waiting. */
static void ask_for_headroom(struct disk_space *space, bool needed)
{
    pthread_mutex_lock(&space->lock);
    if ((needed || !space->counted) && !space->wanted && !space->running &&
        clock_milliseconds() >= space->unasked)
        begin_round(space, 0);
    pthread_mutex_unlock(&space->lock);
}

/* Waits for room, if it has not taken somebody too long already. 0: try again; or an errno. */
static int wait_for_room(struct disk_space *space, uint64_t bytes)
{
    struct timespec until = clock_timespec(clock_nanoseconds() + WAIT_MS * CLOCK_MILLISECOND);
    int result = EBUSY;
    pthread_mutex_lock(&space->lock);
    if (!space->late && begin_round(space, bytes)) {
        /* The round that may be under way began before this was asked. */
        unsigned round = space->round;
        int waited = 0;
        while (waited == 0 && (space->round == round || space->wanted))
            waited = pthread_cond_timedwait(&space->ended, &space->lock, &until);
        if (waited == 0)
            result = space->failure;
        else
            space->late = true;
    }
    pthread_mutex_unlock(&space->lock);
    return result;
}

/* --- reserving --- */

/* 0, EAGAIN when room must be made (or counted) first, or another errno. */
static int take_credit(struct disk_space *space, uint64_t bytes)
{
    struct count count;
    cleanup_close int descriptor = lock_count(space);
    if (descriptor < 0)
        return errno;
    if (!read_count(descriptor, &count))
        return EAGAIN;
    uint64_t amount = space->limit / 64 < CREDIT_LARGEST ? space->limit / 64 : CREDIT_LARGEST;
    if (amount < bytes || !fits(space, count.used, amount))
        amount = bytes;
    if (!fits(space, count.used, amount))
        return EAGAIN;
    count.used += amount;
    count.taken += amount;
    if (!write_count(space, descriptor, &count))
        return errno;
    atomic_fetch_add(&space->credit, (int64_t)amount);
    ask_for_headroom(space, !has_headroom(space, count.used, 0));
    return 0;
}

static bool spend(struct disk_space *space, uint64_t bytes)
{
    int64_t credit = atomic_load(&space->credit);
    atomic_fetch_add(&space->writing, bytes);
    while (credit >= (int64_t)bytes) {
        if (atomic_compare_exchange_weak(&space->credit, &credit, credit - (int64_t)bytes))
            return true;
    }
    atomic_fetch_sub(&space->writing, bytes);
    return false;
}

bool disk_space_reserve(struct disk_space *space, uint64_t bytes)
{
    int failure = bytes > space->limit ? ENOSPC : 0;
    for (int tries = 0; !failure && !spend(space, bytes); tries++) {
        failure = tries < MOST_TRIES ? take_credit(space, bytes) : EBUSY;
        if (failure == EAGAIN)
            failure = wait_for_room(space, bytes);
    }
    errno = failure;
    return failure == 0;
}

void disk_space_written(struct disk_space *space, uint64_t bytes)
{
    atomic_fetch_sub(&space->writing, bytes);
}

void disk_space_return(struct disk_space *space, uint64_t bytes)
{
    atomic_fetch_add(&space->credit, (int64_t)bytes);
    atomic_fetch_sub(&space->writing, bytes);
}

void disk_space_release(struct disk_space *space)
{
    pthread_mutex_lock(&space->lock);
    atomic_store(&space->stopping, true);
    pthread_cond_signal(&space->wake);
    pthread_mutex_unlock(&space->lock);
    if (space->has_thread)
        pthread_join(space->thread, NULL);
    uint64_t credit = (uint64_t)atomic_exchange(&space->credit, 0);
    if (credit > 0)
        note_removed(space, credit);
    pthread_cond_destroy(&space->wake);
    pthread_cond_destroy(&space->ended);
    pthread_mutex_destroy(&space->lock);
}
