/* SPDX-License-Identifier: MIT */
/*
 * A lane: threads that run jobs which may block on the network. Two lanes,
 * metadata and file data, so that neither starves the other. Threads are
 * started when first needed, up to the lane's width.
 */
#ifndef FS_WORK_H
#define FS_WORK_H

#include <stdbool.h>

struct lane;

/* Embedded in what is to be done; owned by whoever submits it until run is called. */
struct job {
    void (*run)(struct job *job);
    struct job *next; /* under the lane's lock */
};

struct lane *lane_new(const char *name, unsigned width);
/* Runs what is queued, then ends the threads; jobs must come to an end by themselves. */
void lane_free(struct lane *lane);
/* False: no thread can be started and none is there; the job was not taken. */
bool lane_submit(struct lane *lane, struct job *job);

#endif
