/* SPDX-License-Identifier: MIT */
/*
 * One server call, shared by all requests that wait for the same thing (single
 * flight). Runs on the lane of its kind; ends early when nobody waits for it any
 * more.
 */
#ifndef FS_FETCH_H
#define FS_FETCH_H

#include "client.h"
#include "content/lane.h"
#include "request.h"

struct fetch;

struct fetch_type {
    const char *operation; /* as errors name it */
    enum call_kind kind;   /* of its calls, and so the lane that they run on */
    /* Asks the server and puts the answer in place. Blocks; on the lane's thread, no lock held. */
    int (*run)(struct fetch *fetch, struct call *call);
    /* Gives up a reference of what the call is about. NULL: of nothing but a place. */
    void (*release)(void *subject);
    bool keeps_running; /* also when nobody waits any more: changes on the server */
};

/* How many calls of one kind run at the same time; the others wait for these. */
enum { FETCH_WIDTH = 256 };

struct fetch {
    struct job job;
    struct filesystem *fs;
    const struct fetch_type *type;
    struct node *node; /* held */
    char *name;        /* owned, may be NULL */
    void *subject;     /* a reference, or NULL */
    uint8_t member;
    enum call_kind kind;
    int64_t created;       /* clock_nanoseconds() */
    int64_t started;       /* when a worker took it up; 0 before; under the fetches' lock */
    atomic_bool cancelled; /* polled by the client */
    struct error error;    /* worker only, until it has ended */
    struct fetch *next;    /* under the fetches' lock */
    struct parked *waiters;
};

struct fetches;
/* With a lane of so many threads at most for each kind of calls. `after_each` is run with no lock
 * held when a call has put its answer in place, before those who wait for it. NULL: no memory or no
 * threads. */
struct fetches *fetches_new(unsigned width, void (*after_each)(struct filesystem *fs));
/* Runs what is queued, then ends the threads. Cancel all before. */
void fetches_stop(struct fetches *fetches);
void fetches_free(struct fetches *fetches);

/* Lets the parked request wait for what its need says, starting the call when none is under way; a
 * call that keeps running also when the request does not wait any more.
 * False: it cannot be started (no memory); the need's node was dropped. */
bool fetch_join(struct filesystem *fs, struct parked *parked, const struct need *need);
/* Starts the call if none is under way, with nobody waiting; takes over what the need holds. */
void fetch_start(struct filesystem *fs, const struct need *need);
/* Gives up what a need holds that is not handed on. */
void fetch_drop_need(struct filesystem *fs, const struct need *need);
/* The parked request waits no more. `for_good`: a call that nobody waits for then is ended; else it
 * goes on, so that what it brings is there for the next look. */
void fetch_leave(struct filesystem *fs, struct parked *parked, bool for_good);
/* For a call that brings its answer in pieces: runs those who wait for it again, since what they
 * want may be there; who still lacks something waits for the same call again. Whether anybody does.
 */
bool fetch_serve(struct fetch *fetch);
/* Ends all calls soon. */
void fetches_cancel_all(struct fetches *fetches);

/* Whether a call of this kind has been waiting for a second although none of them has been answered
 * since it began. Takes no lock. */
bool fetches_server_is_silent(const struct fetches *fetches, enum call_kind kind);

#endif
