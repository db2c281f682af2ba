/* SPDX-License-Identifier: MIT */
#include "remote_progress.h"

#include "base/banned.h"
#include "base/clock.h"
#include "remote_internal.h"

enum { SECOND_MS = 1000 };

/* --- what comes --- */

static void begin(struct arrival *arrival)
{
    if (arrival->begun == 0)
        arrival->begun = arrival->last = clock_milliseconds();
}

void remote_progress_begin(struct remote_file *file)
{
    begin(&file->arrival);
}

void remote_progress_add(struct remote_file *file, uint64_t size, enum progress_source source)
{
    struct arrival *arrival = &file->arrival;
    begin(arrival);
    arrival->last = clock_milliseconds();
    int64_t second = arrival->last / SECOND_MS;
    if (arrival->second != second) {
        arrival->last_second = arrival->second + 1 == second ? arrival->this_second : 0;
        arrival->this_second = 0;
        arrival->second = second;
    }
    arrival->this_second += size;
    arrival->source = source;
}

void remote_note_passed(struct remote_reader *reader)
{
    struct remote_file *file = reader->file;
    pthread_mutex_lock(&file->files->lock);
    begin(&file->arrival);
    file->arrival.source = PASSED;
    pthread_mutex_unlock(&file->files->lock);
}

/* --- what is told of it --- */

/* Of a file that is too large for its blocks to be told apart, some may have come twice. */
static uint64_t bytes_come(const struct remote_file *file)
{
    uint64_t size = file->source.size;
    return file->arrival.bytes < size ? file->arrival.bytes : size;
}

/* Of the last second, which begins in the middle of one that was counted. */
static uint64_t rate_now(const struct arrival *arrival, int64_t now)
{
    int64_t second = now / SECOND_MS;
    uint64_t whole = 0, part = 0;
    if (arrival->second == second) {
        whole = arrival->last_second;
        part = arrival->this_second;
    } else if (arrival->second + 1 == second) {
        whole = arrival->this_second;
    }
    return part + whole * (uint64_t)(SECOND_MS - now % SECOND_MS) / SECOND_MS;
}

static uint64_t rate_in_the_mean(const struct arrival *arrival)
{
    int64_t duration = arrival->last - arrival->begun;
    return arrival->bytes * SECOND_MS / (uint64_t)(duration > 0 ? duration : 1);
}

static void describe(const struct remote_file *file, int64_t now, struct remote_progress *progress)
{
    const struct arrival *arrival = &file->arrival;
    bool passed = arrival->source == PASSED;
    bool whole = bytes_come(file) == file->source.size && !file->streams && !file->waiters;
    *progress = (struct remote_progress){
        .size = file->source.size,
        .bytes = passed ? 0 : bytes_come(file),
        .source = arrival->source,
        .finished = file->readers == 0 || (whole && !passed),
        .last = arrival->last,
    };
    for (const struct stream *stream = file->streams; stream; stream = stream->next)
        progress->streams++;
    if (!passed)
        progress->rate = progress->finished ? rate_in_the_mean(arrival) : rate_now(arrival, now);
    snprintf(progress->path, sizeof progress->path, "%s", file->source.path);
}

static bool is_recent(int64_t last, int64_t now)
{
    return now - last < PROGRESS_KEPT_MS;
}

static bool is_told(const struct remote_file *file, int64_t now)
{
    const struct arrival *arrival = &file->arrival;
    return file->source.path && arrival->begun != 0 &&
           (file->streams || file->waiters || arrival->source == PASSED ||
            is_recent(arrival->last, now));
}

void remote_progress_keep(struct remote_file *file)
{
    struct remote_files *files = file->files;
    int64_t now = clock_milliseconds();
    if (file->arrival.source == PASSED)
        file->arrival.last = now;
    if (!is_told(file, now))
        return;
    describe(file, now, &files->closed[files->next_closed]);
    files->next_closed = (files->next_closed + 1) % PROGRESS_MOST;
}

static bool comes_before(const struct remote_progress *one, const struct remote_progress *other)
{
    return one->finished != other->finished ? other->finished : one->last > other->last;
}

/* Puts it in its order into the list, unless it says less than what is there. */
static size_t insert(struct remote_progress *list, size_t count,
                     const struct remote_progress *progress)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].path, progress->path) == 0)
            return count;
    }
    size_t at = count;
    while (at > 0 && comes_before(progress, &list[at - 1]))
        at--;
    if (at == PROGRESS_MOST)
        return count;
    if (count == PROGRESS_MOST)
        count--;
    memmove(&list[at + 1], &list[at], (count - at) * sizeof *list);
    list[at] = *progress;
    return count + 1;
}

size_t remote_list_progress(struct remote_files *files, struct remote_progress list[PROGRESS_MOST],
                            unsigned *under_way)
{
    int64_t now = clock_milliseconds();
    size_t count = 0;
    struct remote_progress progress;
    *under_way = 0;
    pthread_mutex_lock(&files->lock);
    for (const struct remote_file *file = files->first; file; file = file->next) {
        if (!is_told(file, now))
            continue;
        describe(file, now, &progress);
        *under_way += !progress.finished;
        count = insert(list, count, &progress);
    }
    /* The newest first: a file that was opened several times is told of once. */
    for (unsigned i = 1; i <= PROGRESS_MOST; i++) {
        const struct remote_progress *closed =
            &files->closed[(files->next_closed + PROGRESS_MOST - i) % PROGRESS_MOST];
        if (closed->path[0] && is_recent(closed->last, now))
            count = insert(list, count, closed);
    }
    pthread_mutex_unlock(&files->lock);
    return count;
}
