/* SPDX-License-Identifier: MIT */
/* Which ranges of remote files are fetched, and when: what is demanded, and what is read ahead. */
#include "base/banned.h"
#include "base/clock.h"
#include "remote_digest.h"
#include "remote_internal.h"

enum {
    /* Gaps that are smaller are not worth a request before somebody asks for them. */
    GAP_LEAST = 4 * DISK_BLOCK,
};

/* What is to be fetched. */
struct plan {
    struct remote_file *file;
    uint64_t offset, demanded, end; /* all up to `demanded`, and what can be had up to `end` */
    bool again;                     /* also ahead of what is demanded what was fetched once */
    bool sweeps;                    /* for pieces that nobody has begun to read */
    bool starved;                   /* set: no memory for what is demanded */
    uint64_t reached;               /* set: nothing is left to plan up to here */
    struct stream *streams;         /* set: to be submitted without the lock */
};

/* Makes a place for the block and marks it as being fetched. False: it is there or on its way
 * already, or (*full) there is no memory for it. */
static bool want_block(struct remote_file *file, uint64_t offset, bool modest, bool *full)
{
    struct chunk_pool *pool = &file->files->pool;
    uint64_t number = offset / CHUNK;
    uint8_t bit = chunk_mask(file, number, offset, offset + 1);
    struct chunk *chunk = chunk_find(pool, file, number);
    if (chunk && ((chunk->present | chunk->wanted) & bit))
        return false;
    if (!chunk)
        chunk = chunk_take(pool, file, number, modest, clock_milliseconds());
    if (!chunk && !modest && digest_yield(file->files))
        chunk = chunk_take(pool, file, number, modest, clock_milliseconds());
    *full = !chunk;
    if (!chunk)
        return false;
    chunk->wanted |= bit;
    remote_note_fetched(file, offset / DISK_BLOCK, true);
    return true;
}

static struct stream *stream_new(const struct plan *plan, uint64_t offset, uint64_t end)
{
    struct remote_file *file = plan->file;
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->file = file;
    stream->offset = stream->position = stream->part = stream->published = offset;
    stream->end = end;
    stream->next = file->streams;
    file->streams = stream;
    file->references++;
    file->files->streams++;
    stream->sweeps = plan->sweeps;
    stream->mismatches = atomic_load(&file->mismatches);
    file->files->sweeps += plan->sweeps;
    return stream;
}

static bool may_read_ahead(const struct plan *plan)
{
    const struct remote_files *files = plan->file->files;
    unsigned reserved = plan->sweeps ? files->width / 2 : RESERVED_STREAMS;
    return files->streams + reserved < files->width;
}

/* Wants the blocks from `block` on that one stream can bring; returns where it ends. */
static uint64_t want_blocks(const struct plan *plan, uint64_t block, bool *full)
{
    struct remote_file *file = plan->file;
    for (; block < plan->end; block += DISK_BLOCK) {
        bool ahead = block >= plan->demanded;
        if (ahead && !plan->again && remote_block_is(file->fetched, block / DISK_BLOCK))
            break;
        if (!want_block(file, block, ahead, full))
            break;
    }
    return block;
}

/* There is no memory for a stream. Unlike a full pool, perhaps nobody will ever give it back: who
 * demanded the range is told. */
static void give_up(const struct plan *plan, uint64_t start, uint64_t stop)
{
    struct error error = {0};
    stream_unwant(plan->file, start, stop);
    if (start >= plan->demanded)
        return;
    error_set(&error, ERROR_LOCAL, "out of memory");
    remote_refuse(plan->file, start, stop, &error);
}

/* Starts streams for what is neither in memory nor on its way. */
static void make_plan(struct plan *plan)
{
    struct remote_file *file = plan->file;
    uint64_t block = plan->offset / DISK_BLOCK * DISK_BLOCK;
    bool full = false;
    while (block < plan->end && !full && !atomic_load(&file->files->stopping)) {
        uint64_t start = block;
        if (block >= plan->demanded && !may_read_ahead(plan))
            break;
        block = want_blocks(plan, block, &full);
        if (block > start) {
            uint64_t stop = block < file->source.size ? block : file->source.size;
            struct stream *stream = stream_new(plan, start, stop);
            if (!stream) {
                give_up(plan, start, stop);
                block = start;
                full = true;
                break;
            }
            stream->planned = plan->streams;
            plan->streams = stream;
        } else if (!full) {
            block += DISK_BLOCK;
        }
    }
    plan->starved = full && block < plan->demanded;
    plan->reached = block;
}

static struct stream *joined(struct stream *first, struct stream *second)
{
    struct stream **end = &first;
    while (*end)
        end = &(*end)->planned;
    *end = second;
    return first;
}

/* The largest windows of one content: half the memory, shared by those that are read. */
static uint64_t largest_window(struct remote_file *file)
{
    struct remote_files *files = file->files;
    int64_t second = clock_milliseconds() / 1000;
    if (files->epoch != second) {
        files->active_last_second = files->epoch + 1 == second ? files->active : 0;
        files->active = 0;
        files->epoch = second;
    }
    if (file->epoch != second) {
        file->epoch = second;
        files->active++;
    }
    unsigned active =
        files->active > files->active_last_second ? files->active : files->active_last_second;
    return (uint64_t)files->pool.count * CHUNK / 2 / active;
}

static void note_planned(struct readahead_run *run, const struct plan *plan)
{
    if (!readahead_is_backward(run))
        run->up = plan->reached > run->up ? plan->reached : run->up;
    else if (plan->reached >= plan->end && plan->offset < run->down)
        run->down = plan->offset;
}

/* --- what nobody has begun to read --- */

/* The first block from `block` on, up to `end`, that was fetched, or was not. */
static uint64_t next_block(const struct remote_file *file, uint64_t block, uint64_t end,
                           bool fetched)
{
    while (block < end && remote_block_is(file->fetched, block) != fetched) {
        uint64_t word = file->fetched[block / REMOTE_WORD];
        bool same = block % REMOTE_WORD == 0 && word == (fetched ? 0 : UINT64_MAX);
        block += same ? REMOTE_WORD : 1;
    }
    return block < end ? block : end;
}

/* The last gap below `end`, of at most `most` blocks. */
static bool gap_below(const struct remote_file *file, uint64_t end, uint64_t most, uint64_t *from,
                      uint64_t *to)
{
    while (end > 0) {
        while (end > 0 && remote_block_is(file->fetched, end - 1))
            end--;
        uint64_t start = end;
        while (start > 0 && end - start < most && !remote_block_is(file->fetched, start - 1))
            start--;
        *from = start;
        *to = end;
        if (end - start >= GAP_LEAST / DISK_BLOCK)
            return true;
        end = start;
    }
    return false;
}

static bool gap_above(const struct remote_file *file, uint64_t start, uint64_t end, uint64_t most,
                      uint64_t *from, uint64_t *to)
{
    while (start < end) {
        *from = next_block(file, start, end, false);
        *to = next_block(file, *from, *from + most < end ? *from + most : end, true);
        if (*to - *from >= GAP_LEAST / DISK_BLOCK)
            return true;
        start = *to > *from ? *to : end;
    }
    return false;
}

/* The gap that comes next in the direction in which pieces are read, else the next one from the
 * other end. In bytes. */
static bool find_gap(const struct remote_file *file, const struct readahead_run *run, bool backward,
                     uint64_t size, uint64_t *from, uint64_t *to)
{
    uint64_t end = (file->source.size + DISK_BLOCK - 1) / DISK_BLOCK;
    uint64_t most = size / DISK_BLOCK;
    uint64_t here = (backward ? run->low : run->high) / DISK_BLOCK;
    bool found = backward
                     ? gap_below(file, here, most, from, to) || gap_below(file, end, most, from, to)
                     : gap_above(file, here, end, most, from, to) ||
                           gap_above(file, 0, here, most, from, to);
    *from *= DISK_BLOCK;
    *to = *to * DISK_BLOCK < file->source.size ? *to * DISK_BLOCK : file->source.size;
    return found;
}

/* All of it is on disk and right. */
static bool is_settled(const struct remote_file *file)
{
    return file->digest->state == DIGEST_RIGHT && file->digest->settled;
}

/* What may be fetched now of a content that is read in pieces. False: nothing. */
static bool next_sweep(struct remote_file *file, const struct readahead_run *run, uint64_t *from,
                       uint64_t *to)
{
    struct remote_files *files = file->files;
    struct readahead_sweep sweep = readahead_sweep(&file->ahead);
    uint64_t largest = largest_window(file);
    uint64_t size = READAHEAD_STREAM < largest / 2 ? READAHEAD_STREAM : largest / 2;
    uint64_t most = sweep.budget;
    /* What is on disk needs no memory until it is read. */
    uint64_t ceiling = file->disk ? files->disk_share : largest;
    if (most > ceiling)
        most = ceiling;
    uint64_t unread = file->unread * DISK_BLOCK;
    /* Few large requests rather than many small ones. */
    uint64_t least = most / 4 < size ? most / 4 : size;
    if (least < READAHEAD_FIRST)
        least = READAHEAD_FIRST;
    if (!file->fetched || is_settled(file) || file->examining || most < unread + least ||
        (files->sweeps > 0 && (files->sweeps + 1) * size > largest))
        return false;
    if (size > most - unread)
        size = (most - unread) / READAHEAD_FIRST * READAHEAD_FIRST;
    return find_gap(file, run, sweep.backward, size, from, to);
}

/* A content that is read in pieces: fetches those that will be read next. */
static struct stream *sweep(struct remote_file *file, uint64_t offset, uint64_t end, bool disk)
{
    struct remote_files *files = file->files;
    struct stream *streams = NULL;
    struct plan plan = {.file = file, .sweeps = true};
    pthread_mutex_lock(&files->lock);
    const struct readahead_run *run = readahead_find(&file->ahead, offset, end);
    while (run && may_read_ahead(&plan) && next_sweep(file, run, &plan.offset, &plan.end)) {
        bool present = false;
        if (file->disk && disk) {
            pthread_mutex_unlock(&files->lock);
            uint64_t stop = disk_file_run(file->disk, plan.offset, plan.end, &present);
            pthread_mutex_lock(&files->lock);
            plan.end = stop;
            run = readahead_find(&file->ahead, offset, end);
        }
        if (present) {
            remote_note_on_disk(file, plan.offset, plan.end);
            continue;
        }
        plan.streams = NULL;
        make_plan(&plan);
        if (!plan.streams)
            break;
        streams = joined(plan.streams, streams);
    }
    pthread_mutex_unlock(&files->lock);
    return streams;
}

/* --- what is asked for --- */

/* Fetched before, but neither here nor on its way. */
static bool is_lost(const struct remote_file *file, uint64_t offset)
{
    uint64_t number = offset / CHUNK;
    const struct chunk *chunk = chunk_find(&file->files->pool, file, number);
    uint8_t bit = chunk_mask(file, number, offset, offset + 1);
    return remote_block_is(file->fetched, offset / DISK_BLOCK) &&
           !(chunk && ((chunk->present | chunk->wanted) & bit));
}

/* The digest of a small file is checked before any of it is shown, but to one who just looks at its
 * start. */
static void plan_withheld(struct plan *plan, const struct readahead_run *run)
{
    uint64_t size = plan->file->source.size;
    plan->offset = 0;
    bool head = run && run->low == 0 && run->bytes < READAHEAD_SNIFF &&
                run->high <= READAHEAD_HEAD && size > READAHEAD_HEAD;
    if (head)
        plan->file->head = READAHEAD_HEAD;
    plan->end = head ? READAHEAD_HEAD : size;
    plan->demanded = head ? run->high : size;
    make_plan(plan);
}

/* The run reads again what it has read: what was fetched once counts for nothing. */
static void begin_again(struct readahead_run *run, uint64_t offset, uint64_t end)
{
    run->again = true;
    run->up = run->up > offset ? offset : run->up;
    run->down = run->down < end ? end : run->down;
}

static void plan_forward(struct plan *plan, struct readahead_run *run)
{
    struct remote_file *file = plan->file;
    uint64_t from, to, largest = largest_window(file);
    bool more = run && readahead_next(&file->ahead, run, file->source.size, largest, &from, &to);
    /* What is read ahead and touches what is wanted comes with the same request. */
    if (more && from <= plan->demanded && to > plan->demanded)
        plan->end = to;
    make_plan(plan);
}

static void plan_backward(struct plan *plan, struct readahead_run *run)
{
    struct remote_file *file = plan->file;
    struct plan below = {.file = file, .again = run->again};
    bool more = readahead_next(&file->ahead, run, file->source.size, largest_window(file),
                               &below.offset, &below.end);
    bool together = more && below.end >= plan->offset &&
                    plan->end - below.offset <= READAHEAD_FIRST + DISK_BLOCK;
    if (together)
        plan->offset = below.offset;
    make_plan(plan);
    if (!more)
        return;
    if (!together)
        make_plan(&below);
    note_planned(run, together ? plan : &below);
    plan->streams = joined(plan->streams, below.streams);
}

struct stream *remote_plan_miss(struct remote_file *file, uint64_t offset, uint64_t end,
                                bool *starved)
{
    struct readahead_run *run = readahead_find(&file->ahead, offset, end);
    struct plan plan = {.file = file, .offset = offset, .demanded = end, .end = end};
    bool backward = run && readahead_is_backward(run);
    if (run && is_lost(file, offset))
        begin_again(run, offset, end);
    plan.again = run && run->again;
    if (file->source.size <= WITHHELD_SIZE)
        plan_withheld(&plan, run);
    else if (backward)
        plan_backward(&plan, run);
    else
        plan_forward(&plan, run);
    if (run && !backward)
        note_planned(run, &plan);
    *starved = plan.starved;
    return plan.streams;
}

/* --- what is read ahead --- */

void remote_read_ahead(struct remote_file *file, uint64_t offset, uint64_t end, bool disk)
{
    struct plan plan = {.file = file};
    bool present = false;
    pthread_mutex_lock(&file->files->lock);
    struct readahead_run *run = readahead_find(&file->ahead, offset, end);
    bool backward = run && readahead_is_backward(run);
    bool more = run && readahead_next(&file->ahead, run, file->source.size, largest_window(file),
                                      &plan.offset, &plan.end);
    pthread_mutex_unlock(&file->files->lock);
    if (more && file->disk && disk) {
        uint64_t stop = disk_file_run(file->disk, plan.offset, plan.end, &present);
        present = present && (stop >= plan.end || !backward);
        plan.end = present ? stop : plan.end;
    }
    if (present)
        disk_file_prefetch(file->disk, plan.offset, plan.end - plan.offset);
    if (more) {
        plan.reached = plan.end;
        pthread_mutex_lock(&file->files->lock);
        run = readahead_find(&file->ahead, offset, end);
        plan.again = run && run->again;
        if (!present)
            make_plan(&plan);
        if (run)
            note_planned(run, &plan);
        pthread_mutex_unlock(&file->files->lock);
    }
    stream_submit(joined(plan.streams, sweep(file, offset, end, disk)));
}

void remote_sweep(struct remote_file *file, uint64_t offset, uint64_t end)
{
    stream_submit(sweep(file, offset, end, false));
}
