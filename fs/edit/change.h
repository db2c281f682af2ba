/* SPDX-License-Identifier: MIT */
/*
 * A change on the server on its way: sent once, by a worker, and taken to its
 * true end even when nobody waits for it any more (Ctrl-C). The requests that
 * want it are parked; the outcome stands in the change.
 *
 * Changes of one registry run one after another, so that two open files of this
 * mount cannot overwrite each other unseen.
 */
#ifndef FS_CHANGE_H
#define FS_CHANGE_H

#include "inode/filesystem.h"
#include "tree/ready.h"

struct change;
struct lineage;
struct member;

struct change_type {
    const char *operation; /* as errors name it */
    /* Asks the server and puts what it answers in place. Blocks; a worker, no lock held. */
    int (*run)(struct change *change, struct call *call);
    /* Once, when it has ended; NULL error: well. With nodes->lock held. May be NULL. */
    void (*ended)(struct change *change, const struct error *error);
    /* Gives up what it has of its own. With nodes->lock held. May be NULL. */
    void (*release)(struct change *change);
    int time_limit_ms; /* for all of it; 0: --timeout, because the kernel holds a directory's lock
                        */
};

struct change {
    atomic_uint references;
    const struct change_type *type;
    struct filesystem *fs;
    struct node *node; /* held: the registry, or the organization that gets one */
    /* what is wanted; immutable */
    const struct member *member; /* the attribute; NULL: the registry itself */
    struct buf text;             /* its new text */
    void *base;                  /* a reference: what the text was made from */
    void *known;                 /* a reference: what was known when it began */
    bool holed;                  /* zeros stand where the text had nothing */
    int64_t begun;               /* clock_nanoseconds() */
    pid_t thread;                /* that asked for it; 0: in another PID namespace */
    char *name; /* owned: of a new registry, a registry's new name, or that of `source` */
    enum registry_visibility visibility;
    struct draft *draft; /* a reference: told of the outcome */
    struct node *source; /* held: the scratch file that is renamed over the attribute */
    bool nothing;        /* set by run: the server had it already, and nothing was sent */
    void *outcome;       /* a reference, set by run: the object after it; NULL: not known */
    /* under nodes->lock */
    bool started, done;
    struct node *made; /* held: the new registry */
    struct error error;
    const char *path; /* owned: of what it changes, for errors; set when it starts */
};

/* Needs nodes->lock. One reference; NULL: no memory. */
struct change *change_new(struct filesystem *fs, const struct change_type *type, struct node *node);

/* The next two need nodes->lock; the body returns false for WAITING. */

/* Makes the request wait for somebody's change. */
enum readiness change_wait(struct request *request, struct change *change);
/* How the request's own change stands. */
enum readiness change_outcome(struct request *request, int *error_number);
/* Makes it the request's own, which drops it at its end. Takes over the reference; NULL is fine. */
void change_give(struct request *request, struct change *change);
/* Makes it the request's own and lets it begin, after others of that registry. Takes over the
 * reference. WAITING, or FAILED. */
enum readiness change_begin(struct request *request, struct change *change, int *error_number);

/* For the worker that runs it; each takes nodes->lock but change_show(), which needs it. */

/* The objects that the node stands for and below which it lies, as they are known now. */
void change_lineage(struct change *change, struct lineage *lineage);
/* The time for a question that comes before the mutation. */
struct call change_question(const struct change *change, const struct call *call);
/* The node is this object since it was `asked` for. */
void change_show(struct change *change, const void *now, int64_t asked);

#endif
