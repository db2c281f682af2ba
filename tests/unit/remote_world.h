/* SPDX-License-Identifier: MIT */
/* What tests of remote files are made of: a server that can be wrong, a reader that waits, one set
 * of everything. */
#ifndef UNIT_REMOTE_WORLD_H
#define UNIT_REMOTE_WORLD_H

#include "base/cleanup.h"
#include "check.h"
#include "content/remote_digest.h"
#include "content/remote_file.h"
#include "content/remote_internal.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

enum { KIB = 1 << 10, MIB = 1 << 20, GIB = 1 << 30, WIDTH = 16 };

/* --- a server --- */

struct server {
    uint64_t size;
    unsigned char digest[MD5_SIZE];
    atomic_uint fetches;
    _Atomic uint64_t bytes;
    atomic_int fail_times;  /* so many fetches end early with an error */
    atomic_int wrong_times; /* so many fetches have a flipped byte */
    unsigned delay_us;      /* of each fetch */
    atomic_uint mismatches, failures, drops;
    atomic_uint odd_drops; /* of nothing */
    atomic_uint released;
};

/* Word by word: the tests go through gigabytes, under sanitizers. */
static void fill(char *bytes, uint64_t offset, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint64_t at = offset + i, word = (at >> 3) * UINT64_C(0x9e3779b97f4a7c15);
        if ((at & 7) == 0 && size - i >= sizeof word) {
            memcpy(bytes + i, &word, sizeof word);
            i += sizeof word;
            continue;
        }
        size_t skipped = at & 7, count = 8 - skipped < size - i ? 8 - skipped : size - i;
        memcpy(bytes + i, (const char *)&word + skipped, count);
        i += count;
    }
}

static int serve(void *context, struct call *call, uint64_t offset, uint64_t length,
                 remote_sink *sink, void *sink_context)
{
    struct server *server = context;
    char piece[50000]; /* no divisor of anything */
    atomic_fetch_add(&server->fetches, 1);
    if (server->delay_us)
        usleep(server->delay_us);
    bool fails =
        atomic_load(&server->fail_times) > 0 && atomic_fetch_sub(&server->fail_times, 1) > 0;
    bool wrong =
        atomic_load(&server->wrong_times) > 0 && atomic_fetch_sub(&server->wrong_times, 1) > 0;
    uint64_t end = offset + length;
    if (fails)
        end = offset + length / 2;
    for (uint64_t at = offset; at < end;) {
        size_t size = end - at < sizeof piece ? (size_t)(end - at) : sizeof piece;
        fill(piece, at, size);
        if (wrong)
            piece[size / 2] ^= 1;
        wrong = false;
        if (atomic_load(call->cancelled))
            return error_set(call->error, ERROR_INTERRUPTED, "cancelled");
        atomic_fetch_add(&server->bytes, size); /* who is given them may look at once */
        if (!sink(sink_context, piece, size))
            return -1;
        at += size;
    }
    return fails ? error_set(call->error, ERROR_TIMEOUT, "no more bytes") : 0;
}

static void note_mismatch(void *context, bool final)
{
    struct server *server = context;
    atomic_fetch_add(&server->mismatches, 1);
    atomic_fetch_add(&server->failures, final);
}

static void note_drop(void *context, const struct remote_range *ranges, size_t count, bool wait)
{
    struct server *server = context;
    atomic_fetch_add(&server->odd_drops, count == 0 || ranges[0].from >= ranges[0].to);
    if (wait)
        atomic_fetch_add(&server->drops, 1);
}

static void note_release(void *context)
{
    atomic_fetch_add(&((struct server *)context)->released, 1);
}

static void server_init(struct server *server, uint64_t size)
{
    memset(server, 0, sizeof *server);
    server->size = size;
    if (size > 64 * MIB)
        return; /* nobody asks for its digest */
    char *content = malloc(size);
    fill(content, 0, size);
    struct md5 *md5 = md5_new();
    md5_update(md5, content, size);
    md5_finish(md5, server->digest);
    md5_free(md5);
    free(content);
}

static struct remote_source source_of(struct server *server)
{
    return (struct remote_source){.context = server,
                                  .size = server->size,
                                  .md5 = server->size <= 64 * MIB ? server->digest : NULL,
                                  .fetch = serve,
                                  .mismatch = note_mismatch,
                                  .drop_pages = note_drop,
                                  .release = note_release};
}

/* --- a reader that waits --- */

struct waiting {
    struct remote_waiter waiter; /* first member */
    atomic_bool claimed;
    sem_t resumed;
    struct error error;
};

static bool claim(struct remote_waiter *waiter)
{
    return !atomic_exchange(&((struct waiting *)(void *)waiter)->claimed, true);
}

static void resume(struct remote_waiter *waiter, const struct error *error)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;
    if (error)
        waiting->error = *error;
    sem_post(&waiting->resumed);
}

/* A waiter that asks again before it is resumed: who claims it goes on with it. */
static void wait_for(struct remote_files *files, struct waiting *waiting, int64_t milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000 + 1;
    if (milliseconds > 0 && sem_timedwait(&waiting->resumed, &until) != 0) {
        if (claim(&waiting->waiter))
            remote_leave(files, &waiting->waiter);
        else
            sem_wait(&waiting->resumed);
    } else if (milliseconds == 0) {
        sem_wait(&waiting->resumed);
    }
    atomic_store(&waiting->claimed, false);
}

static ssize_t read_at(struct remote_reader *reader, uint64_t offset, char *buffer, size_t size)
{
    struct waiting waiting = {.waiter = {.claim = claim, .resume = resume}};
    struct remote_view view;
    ssize_t result = -1;
    sem_init(&waiting.resumed, 0, 0);
    while (waiting.error.kind == ERROR_NONE) {
        enum remote_result state = remote_read(reader, offset, size, &view, &waiting.error);
        if (state == REMOTE_READY) {
            size_t at = 0;
            for (unsigned i = 0; i < view.count; i++) {
                memcpy(buffer + at, view.pieces[i].iov_base, view.pieces[i].iov_len);
                at += view.pieces[i].iov_len;
            }
            remote_view_release(&view);
            result = (ssize_t)at;
            break;
        }
        if (state == REMOTE_WAIT && remote_wait(reader, offset, size, &waiting.waiter))
            wait_for(reader->file->files, &waiting, view.retry_ms);
    }
    sem_destroy(&waiting.resumed);
    return result;
}

static bool is_right(const char *buffer, uint64_t offset, size_t size)
{
    char wanted[4096];
    for (size_t i = 0; i < size; i += sizeof wanted) {
        size_t count = size - i < sizeof wanted ? size - i : sizeof wanted;
        fill(wanted, offset + i, count);
        if (memcmp(buffer + i, wanted, count) != 0)
            return false;
    }
    return true;
}

/* Reads on to the end or an error; how many bytes came. *right: as they should be. */
static uint64_t read_all(struct remote_reader *reader, size_t step, bool *right)
{
    cleanup_free char *buffer = malloc(step);
    uint64_t offset = 0;
    *right = true;
    for (ssize_t got; (got = read_at(reader, offset, buffer, step)) > 0; offset += (size_t)got)
        *right = *right && is_right(buffer, offset, (size_t)got);
    return offset;
}

/* How many bytes came, 0 if any was wrong. */
static uint64_t read_through(struct remote_reader *reader, size_t step)
{
    bool right;
    uint64_t got = read_all(reader, step, &right);
    return right ? got : 0;
}

/* --- one set of everything --- */

static char directory[] = "/tmp/remote_file.XXXXXX";

struct world {
    struct lane *lane;
    struct disk_cache *disk;
    struct remote_files *files;
};

static void world_init(struct world *world, bool with_disk, size_t memory)
{
    static unsigned number;
    char where[64];
    snprintf(where, sizeof where, "%s/%u", directory, number++);
    world->lane = lane_new("data", WIDTH);
    world->disk =
        with_disk ? disk_cache_new(&(struct disk_cache_config){.directory = where, .limit = GIB})
                  : NULL;
    world->files = remote_files_new(world->lane, WIDTH, world->disk, memory);
}

static void world_release(struct world *world)
{
    remote_files_stop(world->files);
    lane_free(world->lane);
    remote_files_free(world->files);
    disk_cache_free(world->disk);
}

#endif
