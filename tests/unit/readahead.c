/* SPDX-License-Identifier: MIT */
#include "content/readahead.h"

#include "check.h"
#include "content/disk_blocks.h"

#include <stddef.h>

enum { KIB = 1 << 10, MIB = 1 << 20, GIB = 1 << 30 };

static void the_window_grows_with_the_run(void)
{
    struct readahead content = {0};
    struct readahead_run *run;
    uint64_t from, to, largest = 0;
    readahead_note(&content, 100 * MIB, 4096);
    run = readahead_find(&content, 100 * MIB, 100 * MIB + 4096);
    CHECK(run && !readahead_next(&content, run, GIB, 64 * MIB, &from, &to));
    readahead_note(&content, 300 * MIB, 4096);
    run = readahead_find(&content, 300 * MIB, 300 * MIB + 4096);
    CHECK(run && !readahead_next(&content, run, GIB, 64 * MIB, &from, &to));
    content = (struct readahead){0};
    for (uint64_t at = 0; at < 100 * MIB; at += 128 * KIB) {
        readahead_note(&content, at, 128 * KIB);
        run = readahead_find(&content, at, at + 128 * KIB);
        CHECK(run && run->low == 0 && run->high == at + 128 * KIB && run->bytes == run->high);
        while (readahead_next(&content, run, GIB, 64 * MIB, &from, &to)) {
            CHECK(from % DISK_BLOCK == 0 && to > from && to - from <= READAHEAD_STREAM);
            run->up = to;
        }
        if (run->up - run->high > largest)
            largest = run->up - run->high;
        if (at == 0)
            CHECK(run->up == READAHEAD_FIRST + 128 * KIB);
    }
    CHECK(largest > READAHEAD_LARGEST / 2 && largest <= READAHEAD_LARGEST);
}

/* Requests lie within slices; those of who reads on and on are slices. */
static void slices_are_not_crossed(void)
{
    for (int backward = 0; backward < 2; backward++) {
        struct readahead content = {.alignment = 4 * MIB};
        uint64_t from, to, whole = 0;
        for (uint64_t at = 0; at < 100 * MIB; at += 128 * KIB) {
            uint64_t offset = backward ? 200 * MIB - at - 128 * KIB : at + 36 * KIB;
            readahead_note(&content, offset, 128 * KIB);
            struct readahead_run *run = readahead_find(&content, offset, offset + 128 * KIB);
            while (run && readahead_next(&content, run, GIB, 64 * MIB, &from, &to)) {
                CHECK(to > from && from / (4 * MIB) == (to - 1) / (4 * MIB));
                whole += to - from == 4 * MIB;
                *(backward ? &run->down : &run->up) = backward ? from : to;
            }
        }
        CHECK(whole > 20);
    }
}

static void who_looks_at_the_start_gets_little(void)
{
    struct readahead content = {0};
    uint64_t from, to;
    readahead_note(&content, 0, 16 * KIB);
    struct readahead_run *run = readahead_find(&content, 0, 16 * KIB);
    CHECK(readahead_next(&content, run, GIB, 64 * MIB, &from, &to));
    CHECK(from == 0 && to == READAHEAD_HEAD);
    run->up = to;
    readahead_note(&content, 16 * KIB, 16 * KIB);
    CHECK(!readahead_next(&content, run, GIB, 64 * MIB, &from, &to));
    readahead_note(&content, 32 * KIB, 64 * KIB); /* goes on */
    CHECK(readahead_next(&content, run, GIB, 64 * MIB, &from, &to));
    CHECK(from == READAHEAD_HEAD && to >= READAHEAD_FIRST);
}

static void runs_are_told_apart(void)
{
    struct readahead content = {0};
    uint64_t from, to;
    /* Two that take turns, one of them backward, with the kernel's disorder. */
    for (uint64_t i = 0; i < 32; i++) {
        readahead_note(&content, 100 * MIB + (i ^ 1) * 128 * KIB, 128 * KIB);
        readahead_note(&content, 300 * MIB - (i + 1) * 128 * KIB, 128 * KIB);
    }
    struct readahead_run *up = readahead_find(&content, 103 * MIB, 104 * MIB);
    struct readahead_run *down = readahead_find(&content, 296 * MIB, 297 * MIB);
    CHECK(up && down && up != down);
    CHECK(up && !readahead_is_backward(up) && up->low == 100 * MIB && up->high == 104 * MIB);
    CHECK(down && readahead_is_backward(down) && down->low == 296 * MIB);
    CHECK(readahead_next(&content, up, GIB, 64 * MIB, &from, &to) && from == 104 * MIB);
    CHECK(readahead_next(&content, down, GIB, 64 * MIB, &from, &to) && to == 296 * MIB);
    CHECK(to - from >= READAHEAD_STREAM_MIN);
    /* Who jumps about beside them is no run, and does not have them forgotten. */
    uint64_t state = 5;
    for (unsigned i = 0; i < 200; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint64_t at = UINT64_C(400) * MIB + (state >> 33) % 100000 * 4096;
        readahead_note(&content, at, 4096);
        struct readahead_run *run = readahead_find(&content, at, at + 4096);
        CHECK(run && (i < 8 || !readahead_next(&content, run, GIB, 64 * MIB, &from, &to)));
        /* … while they go on */
        readahead_note(&content, 104 * MIB + i * 128 * KIB, 128 * KIB);
        readahead_note(&content, 296 * MIB - (i + 1) * 128 * KIB, 128 * KIB);
    }
    CHECK(readahead_find(&content, 103 * MIB, 104 * MIB) == up);
}

static void a_piece_is_fetched_whole_and_no_further(void)
{
    struct readahead content = {0};
    uint64_t from, to;
    for (uint64_t piece = 0; piece < 4; piece++) {
        for (uint64_t at = 0; at < MIB; at += 128 * KIB)
            readahead_note(&content, (90 - 20 * piece) * MIB + at, 128 * KIB);
    }
    /* The next one: with one request, not beyond its end. */
    uint64_t start = 200 * MIB;
    readahead_note(&content, start, 128 * KIB);
    struct readahead_run *run = readahead_find(&content, start, start + 128 * KIB);
    bool found = run && readahead_next(&content, run, GIB, 64 * MIB, &from, &to);
    CHECK(found);
    if (!found)
        return;
    CHECK(from == start + 128 * KIB && to == start + MIB);
    run->up = to;
    for (uint64_t at = 128 * KIB; at < MIB; at += 128 * KIB) {
        readahead_note(&content, start + at, 128 * KIB);
        CHECK(!readahead_next(&content, run, GIB, 64 * MIB, &from, &to));
    }
    /* One that goes on beyond is read ahead of. */
    readahead_note(&content, start + MIB, 128 * KIB);
    CHECK(readahead_next(&content, run, GIB, 64 * MIB, &from, &to) &&
          from == start + MIB + 128 * KIB);
}

int main(void)
{
    the_window_grows_with_the_run();
    slices_are_not_crossed();
    who_looks_at_the_start_gets_little();
    runs_are_told_apart();
    a_piece_is_fetched_whole_and_no_further();
    return check_result();
}
