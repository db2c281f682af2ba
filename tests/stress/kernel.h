/* SPDX-License-Identifier: MIT */
/*
 * The kernel's and libfuse's side of requests, in one process: fuse_req_t with the locking of
 * libfuse 3.14, replies exactly once, interrupts that come at any moment. Linked instead of
 * libfuse's functions of the same names.
 */
#ifndef TESTS_STRESS_KERNEL_H
#define TESTS_STRESS_KERNEL_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct filesystem;

/* What came back; owned by the thread that asked. */
struct answer {
    int error; /* 0 or positive */
    struct fuse_entry_param entry;
    struct stat attributes;
    uint64_t handle;
    char *bytes; /* owned */
    size_t size;
    bool interrupted; /* an interrupt was sent */
};

void kernel_start(struct filesystem *fs);
/* Ends the thread that sends interrupts. */
void kernel_stop(void);

/* Random numbers of the calling thread. */
void random_seed(uint64_t seed);
uint32_t random_below(uint32_t limit);

/* One request: begin, call the operation with it, wait for its error or 0. The answer's former
 * bytes are freed. */
fuse_req_t kernel_begin(struct answer *answer, int pid);
int kernel_wait(struct answer *answer);

/* Requests made, those interrupted, those that failed otherwise. */
void kernel_figures(uint64_t *requests, uint64_t *interrupted, uint64_t *failed);

#endif
