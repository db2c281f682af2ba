/* SPDX-License-Identifier: MIT */
/* A process that makes requests, one after the other, on a thread of its own. */
#ifndef TESTS_STRESS_PROCESS_H
#define TESTS_STRESS_PROCESS_H

#include "answer/operations.h"
#include "kernel.h"

enum { ROOT_ID = 1 };

struct process {
    pthread_t thread;
    int pid;
    struct answer answer;
};

/* Runs one operation and waits for its answer: 0 or the error. */
#define ASK(process, operation, ...)                                                               \
    (operations.operation(kernel_begin(&(process)->answer, (process)->pid), __VA_ARGS__),          \
     kernel_wait(&(process)->answer))

/* Takes back what an answer has looked up; nothing for no node and the root. */
void process_forget(struct process *process, fuse_ino_t id, uint64_t lookups);
/* The node, to be forgotten; 0: none. */
fuse_ino_t process_lookup(struct process *process, fuse_ino_t parent, const char *name);

/* Some edit of a registry, as programs make them, or of the list of registries. */
void process_edit(struct process *process);

#endif
