/* SPDX-License-Identifier: MIT */
#include "readahead.h"

#include "disk_blocks.h"

#include <stddef.h>

enum {
    /* The kernel's own read-ahead sends its requests slightly out of order: a read belongs to a run
     * if it is no farther away than half of what the run has, within these. */
    DISORDER_LEAST = 128 << 10,
    DISORDER_MOST = 512 << 10,
    /* The last so many runs tell how long the next one will be. */
    HISTORY = 16,
    /* A run that was read within so many reads goes on. */
    ACTIVE_READS = 64,
    /* Long runs are kept for so many reads more than short ones. */
    LONG_RUN_BONUS = 256,
    /* In a content that is read in pieces so many times more may lie ready than was read: */
    SWEEP_IN_ORDER = 1,
    SWEEP_AT_FIRST = 2,
    SWEEP_SHUFFLED = 4,
    PROVEN_PIECES = 4,
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool exists(const struct readahead_run *run)
{
    return run->high > 0;
}

static bool is_long(const struct readahead_run *run)
{
    return run->bytes >= READAHEAD_LONG;
}

bool readahead_is_backward(const struct readahead_run *run)
{
    return run->downward > run->upward;
}

/* --- runs --- */

/* How far offset … end is from where the run may go on; UINT64_MAX: it does not belong to it. */
static uint64_t distance(const struct readahead_run *run, uint64_t offset, uint64_t end)
{
    uint64_t most = larger(DISORDER_LEAST, smaller(run->bytes / 2, DISORDER_MOST));
    bool inside = offset >= run->low && end <= run->high;
    uint64_t above = offset > run->high ? offset - run->high
                     : end < run->high  ? run->high - end
                                        : 0;
    uint64_t below = end < run->low ? run->low - end : offset > run->low ? offset - run->low : 0;
    /* What was read already belongs to the run where it goes on; elsewhere it is read again. */
    if (inside && run->upward > run->downward)
        below = UINT64_MAX;
    if (inside && run->downward > run->upward)
        above = UINT64_MAX;
    uint64_t least = smaller(above, below);
    return least <= most ? least : UINT64_MAX;
}

static void extend(struct readahead *content, struct readahead_run *run, uint64_t offset,
                   uint64_t end)
{
    uint64_t up = end > run->high ? smaller(end - offset, end - run->high) : 0;
    uint64_t down = offset < run->low ? smaller(end - offset, run->low - offset) : 0;
    bool was_long = is_long(run);
    run->outlived += run->used < content->last_begun;
    run->high = larger(run->high, end);
    run->low = smaller(run->low, offset);
    run->upward += up;
    run->downward += down;
    run->bytes += up + down;
    run->used = content->reads;
    run->single &= up + down == 0;
    if (is_long(run))
        content->pieces += was_long ? up + down : run->bytes;
}

static uint64_t worth(const struct readahead_run *run)
{
    return run->used + (is_long(run) ? LONG_RUN_BONUS : 0);
}

static bool last_was_backward(const struct readahead *content)
{
    const struct readahead_run *last = NULL;
    for (const struct readahead_run *run = content->runs; run < content->runs + READAHEAD_RUNS;
         run++) {
        if (exists(run) && is_long(run) && (!last || run->used > last->used))
            last = run;
    }
    return last && readahead_is_backward(last);
}

void readahead_note(struct readahead *content, uint64_t offset, uint64_t size)
{
    struct readahead_run *best = NULL, *oldest = content->runs;
    uint64_t end = offset + size, least = UINT64_MAX;
    content->reads++;
    for (struct readahead_run *run = content->runs; run < content->runs + READAHEAD_RUNS; run++) {
        uint64_t far = exists(run) ? distance(run, offset, end) : UINT64_MAX;
        if (far < least || (far == least && best && run->used > best->used)) {
            best = run;
            least = far;
        }
        if (exists(oldest) && (!exists(run) || worth(run) < worth(oldest)))
            oldest = run;
    }
    if (best) {
        extend(content, best, offset, end);
        return;
    }
    content->last_begun = content->reads;
    uint64_t downward = last_was_backward(content); /* until its second read tells */
    *oldest = (struct readahead_run){.low = offset,
                                     .high = end,
                                     .bytes = size,
                                     .down = UINT64_MAX,
                                     .downward = downward,
                                     .single = true,
                                     .begun = content->reads,
                                     .used = content->reads};
    content->pieces += is_long(oldest) ? size : 0;
}

struct readahead_run *readahead_find(struct readahead *content, uint64_t offset, uint64_t end)
{
    struct readahead_run *best = NULL;
    for (struct readahead_run *run = content->runs; run < content->runs + READAHEAD_RUNS; run++) {
        if (exists(run) && offset >= run->low && end <= run->high &&
            (!best || run->used > best->used))
            best = run;
    }
    return best;
}

/* --- what runs have in common --- */

/* The last runs to begin, newest first. */
static size_t newest_runs(const struct readahead *content,
                          const struct readahead_run *found[HISTORY])
{
    size_t count = 0;
    for (size_t i = 0; i < READAHEAD_RUNS; i++) {
        const struct readahead_run *run = &content->runs[i];
        size_t at = count;
        while (exists(run) && at > 0 && found[at - 1]->begun < run->begun)
            at--;
        if (!exists(run) || at == HISTORY)
            continue;
        count += count < HISTORY;
        for (size_t k = count - 1; k > at; k--)
            found[k] = found[k - 1];
        found[at] = run;
    }
    return count;
}

/* What the last runs say of one that begins: how long it will be, 0: unknown; and up to which
 * length it will most likely end, as all did; 0: unknown. */
struct history {
    uint64_t expected;
    uint64_t short_end;
    uint64_t usual;  /* length of the long ones that ended; 0: too few did */
    unsigned beside; /* so many others go on */
};

static struct history look_back(const struct readahead *content, const struct readahead_run *own)
{
    const struct readahead_run *runs[HISTORY];
    size_t count = newest_runs(content, runs), others = 0, pieces = 0, ended = 0, outlived = 0;
    size_t ended_pieces = 0;
    double bytes = 0, squares = 0, ended_bytes = 0, ended_squares = 0;
    struct history history = {0};
    for (size_t i = 0; i < count; i++) {
        const struct readahead_run *run = runs[i];
        if (run == own)
            continue;
        others++;
        history.beside += run->used > content->last_begun;
        if (is_long(run)) {
            pieces++;
            outlived += run->outlived > 1;
        } else if (run->used < content->last_begun) {
            ended++;
            history.short_end = larger(history.short_end, run->bytes);
        }
        if (is_long(run) && run->used < content->last_begun && run->outlived <= 1) {
            ended_pieces++;
            ended_bytes += (double)run->bytes;
            ended_squares += (double)run->bytes * (double)run->bytes;
        }
        bytes += (double)run->bytes;
        squares += (double)run->bytes * (double)run->bytes;
    }
    if (ended < PROVEN_PIECES || pieces > 0)
        history.short_end = 0;
    if (ended_pieces > 1)
        history.usual = (uint64_t)(ended_squares / ended_bytes);
    /* Runs that go on say nothing of those who jump about beside them. */
    if (pieces * 4 < others * 3)
        pieces -= outlived;
    /* In the mean, the length of the run in which a byte lies. */
    if (pieces > 0 && pieces * 4 >= others)
        history.expected = smaller((uint64_t)(squares / bytes),
                                   smaller(READAHEAD_STREAM, pieces * 2 * READAHEAD_FIRST));
    return history;
}

static unsigned active_runs(const struct readahead *content)
{
    unsigned active = 0;
    for (size_t i = 0; i < READAHEAD_RUNS; i++) {
        const struct readahead_run *run = &content->runs[i];
        active += exists(run) && is_long(run) && run->used + ACTIVE_READS > content->reads;
    }
    return active > 0 ? active : 1;
}

struct readahead_sweep readahead_sweep(const struct readahead *content)
{
    const struct readahead_run *runs[HISTORY];
    size_t count = newest_runs(content, runs);
    const struct readahead_run *newer = NULL;
    size_t pieces = 0, up = 0, down = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_long(runs[i]))
            continue;
        pieces++;
        if (newer) {
            up += newer->low >= runs[i]->low;
            down += newer->low < runs[i]->low;
        }
        newer = runs[i];
    }
    if (pieces < 2 || pieces * 4 < count)
        return (struct readahead_sweep){0};
    uint64_t factor = pieces < PROVEN_PIECES ? SWEEP_AT_FIRST : SWEEP_SHUFFLED;
    if (up == 0 || down == 0)
        factor = SWEEP_IN_ORDER;
    return (struct readahead_sweep){.budget = factor * content->pieces, .backward = up == 0};
}

/* --- windows --- */

/* The same for a run that began elsewhere than at the start; `window` by its own length. */
static uint64_t window_inside(const struct readahead *content, const struct readahead_run *run,
                              uint64_t largest, uint64_t window, uint64_t *stream)
{
    struct history history = look_back(content, run);
    /* One jump may be the start of a run: the next read tells. */
    bool jumps =
        run->single || run->bytes <= history.short_end || run->bytes * 4 < run->high - run->low;
    if (jumps && history.expected == 0)
        return 0;
    /* A piece like those before it: what lies beyond its end is another piece. */
    if (run->bytes <= history.usual && history.usual < READAHEAD_STREAM)
        return history.usual - run->bytes;
    uint64_t soon = 4 * run->bytes * (1 + history.beside);
    uint64_t most = smaller(READAHEAD_STREAM, largest / (1 + history.beside));
    window = larger(window, smaller(soon, most));
    if (run->bytes >= history.expected)
        return window;
    *stream = larger(*stream, history.expected - run->bytes);
    return larger(window, history.expected - run->bytes);
}

/* How much is to be ready for a run, and (*stream) with how large requests it is fetched. */
static uint64_t window(const struct readahead *content, const struct readahead_run *run,
                       uint64_t file_size, uint64_t largest, uint64_t *stream)
{
    uint64_t most = larger(largest / active_runs(content), READAHEAD_FIRST);
    uint64_t window = smaller(2 * run->bytes, READAHEAD_LARGEST);
    if (run->low == 0 && run->bytes * 2 >= run->high) {
        if (run->bytes < READAHEAD_SNIFF)
            return run->high < READAHEAD_HEAD ? READAHEAD_HEAD - run->high : 0;
        window = larger(window, file_size <= READAHEAD_WHOLE ? READAHEAD_WHOLE : READAHEAD_FIRST);
    } else {
        window = window_inside(content, run, largest, window, stream);
    }
    window = smaller(window, most);
    if (run->low > 0 && window < READAHEAD_LEAST)
        return 0;
    /* Several requests at once, of all runs together. */
    unsigned parts = active_runs(content) > 1 ? 2 : 4;
    *stream = smaller(larger(*stream, window / parts), smaller(READAHEAD_STREAM, window));
    return window;
}

static bool next_below(const struct readahead *content, const struct readahead_run *run,
                       uint64_t ahead, uint64_t stream, uint64_t *from, uint64_t *to)
{
    uint64_t start = smaller(run->down, run->low);
    uint64_t least = run->low > ahead ? run->low - ahead : 0;
    *to = (start + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
    *from = *to > stream ? (*to - stream) / DISK_BLOCK * DISK_BLOCK : 0;
    if (content->alignment && *to > *from)
        *from = larger(*from, (*to - 1) / content->alignment * content->alignment);
    return start > least && *from<*to && * from + DISK_BLOCK> least;
}

bool readahead_next(const struct readahead *content, const struct readahead_run *run,
                    uint64_t file_size, uint64_t largest, uint64_t *from, uint64_t *to)
{
    uint64_t stream = READAHEAD_STREAM_MIN;
    uint64_t ahead = window(content, run, file_size, largest, &stream);
    bool backward = readahead_is_backward(run);
    if (ahead == 0)
        return false;
    uint64_t end = smaller(file_size, run->high + ahead);
    uint64_t start = larger(run->up, run->high);
    /* The first bytes and what follows: one request. */
    if (backward && !is_long(run))
        stream = ahead;
    else if (start < end && (run->low == 0 ? run->up <= READAHEAD_HEAD : !is_long(run)))
        stream = end - start;
    if (backward)
        return next_below(content, run, ahead, stream, from, to);
    *from = start / DISK_BLOCK * DISK_BLOCK;
    *to = start + stream >= file_size ? file_size : (start + stream) / DISK_BLOCK * DISK_BLOCK;
    if (content->alignment)
        *to = smaller(*to, (*from / content->alignment + 1) * content->alignment);
    /* Many small requests cost more than they gain: wait until a whole stream fits the window. */
    return start<end && * to> * from && *to <= end;
}
