/* SPDX-License-Identifier: MIT */
/*
 * A lane: threads that run jobs which may block on the network. Each kind of
 * work has one, so that none starves another. Threads grow with need up to the
 * lane's width and end when nothing needed them for some seconds; one stays, so
 * that there is always somebody to run a job.
 */
#ifndef FS_LANE_H
#define FS_LANE_H

struct lane;

/* Embedded in what is to be done; owned by whoever submits it until run is called. */
struct job {
    void (*run)(struct job *job);
    struct job *next; /* under the lane's lock */
};

/* NULL: no memory, or no thread can be started. */
struct lane *lane_new(const char *name, unsigned width);
/* Runs what is queued, then ends the threads; jobs must come to an end by themselves. */
void lane_free(struct lane *lane);
void lane_submit(struct lane *lane, struct job *job);

#endif
