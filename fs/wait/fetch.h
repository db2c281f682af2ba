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
#include "text/name.h"

struct fetch;
struct filesystem;
struct node;
struct remote_reader;

struct fetch_type {
    const char *operation; /* as errors name it */
    enum call_kind kind;   /* of its calls, and so the lane that they run on */
    /* Asks the server and puts the answer in place. Blocks; on the lane's thread, no lock held. */
    int (*run)(struct fetch *fetch, struct call *call);
    /* Gives up a reference of what the call is about. NULL: of nothing but a place. */
    void (*release)(void *subject);
    bool keeps_running; /* also when nobody waits any more: changes on the server */
};

/* What a request waits for: one call, shared by all who wait for the same. */
struct need {
    const struct fetch_type *type;
    struct node *node; /* held by the need until it was handed on */
    uint8_t member;
    bool opening;              /* by who is about to write: not to wait for those who only look */
    char name[NAME_LIMIT + 1]; /* of an entry; empty for the whole directory */
    void *subject; /* a reference: what else the call is about, as its type says; else NULL */
    /* A reference: bytes of a file (remote_file.h), as the request's offset and size say; nothing
     * else counts then. */
    struct remote_reader *reader;
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
    struct fetch_waiter *waiters;
};

struct fetches;
/* With a lane of so many threads at most for each kind of calls. `after_each` is run with no lock
 * held when a call has put its answer in place, before those who wait for it. NULL: no memory or no
 * threads. */
struct fetches *fetches_new(unsigned width, void (*after_each)(struct filesystem *fs));
/* Runs what is queued, then ends the threads. Cancel all before. */
void fetches_stop(struct fetches *fetches);
void fetches_free(struct fetches *fetches);

/* Who waits for a call: part of what goes on when it has ended. */
struct fetch_waiter {
    /* Makes the caller the one that goes on; false: it has been ended otherwise. Must not wait or
     * call back. */
    bool (*claim)(struct fetch_waiter *waiter);
    /* Goes on after it was claimed; `error` NULL: what it needed is there. No lock is held. */
    void (*resume)(struct fetch_waiter *waiter, const struct error *error);
    struct fetch_waiter *next, **link_to_this; /* under the fetches' lock */
    struct fetch *fetch;                       /* likewise; NULL: in none */
    int64_t answered; /* of the call that has just ended well: when it was made; else 0 */
};

/* Lets the waiter wait for what the need says, starting the call when none is under way; takes over
 * what the need holds. It may be resumed before this returns. Whoever ended the waiter before this
 * call has to fetch_leave() after it. False: it cannot be started (no memory). */
bool fetch_join(struct filesystem *fs, const struct need *need, struct fetch_waiter *waiter);
/* Starts the call if none is under way, with nobody waiting; takes over what the need holds. */
void fetch_start(struct filesystem *fs, const struct need *need);
/* Gives up what a need holds that is not handed on. */
void fetch_drop_need(struct filesystem *fs, const struct need *need);
/* The waiter waits no more; harmless after it was resumed. `for_good`: a call that nobody waits for
 * then is ended; else it goes on, so that what it brings is there for the next look. */
void fetch_leave(struct filesystem *fs, struct fetch_waiter *waiter, bool for_good);
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
