/* SPDX-License-Identifier: MIT */
/*
 * A kernel request on its way to exactly one reply. Its body runs at once and
 * answers from memory; a body that lacks something says what it needs and runs
 * again, from the start, when that was fetched. Meanwhile the request is
 * parked: no thread waits with it, Ctrl-C and a deadline can end it.
 *
 * Bodies run on any thread, never wait, and reply themselves (fuse_reply_*).
 * A parked request holds its operands by value: node ids and copies of names.
 */
#ifndef FS_REQUEST_H
#define FS_REQUEST_H

#include "base/error.h"
#include "fetch.h"

#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct filesystem;
struct request;
struct change;

/* True: it has replied. False: request->need is set and it wants to run again. */
typedef bool request_body(struct request *request);

struct request {
    struct filesystem *fs;
    fuse_req_t fuse;
    request_body *body;
    const char *operation; /* "lookup"; for logs and errors */

    /* operands, as the operation has them */
    fuse_ino_t id;
    fuse_ino_t other_id;
    const char *name;
    const char *other_name;
    struct fuse_file_info file;
    bool has_file;
    size_t size;
    off_t offset;
    unsigned flags;
    struct stat attributes;
    pid_t process;    /* of a lookup or rename, where it matters (former_name.h); else 0 */
    bool only_looks;  /* likewise: CALL_USES_NAMES (callers.h) */
    const char *data; /* the handler's: gone when the body runs again */

    /* how it stands */
    int64_t started;  /* clock_nanoseconds(): what was read since then is new enough */
    int64_t deadline; /* clock_nanoseconds(): then it runs again with ERROR_TIMEOUT; 0: none */
    struct need need;
    struct change *change; /* a reference: the one that it has begun (change.h); NULL: none */
    void (*drop_change)(struct change *change); /* set with it; gives the reference up */
    struct error failure; /* why what it needed could not be had; kind 0: nothing failed */
};

/* Runs the body; parks a copy of the request when it needs something. */
void request_start(struct request *request);

struct requests;
/* The table of parked requests and the thread that watches their deadlines. */
struct requests *requests_new(void);
void requests_free(struct requests *requests);
/* Ends all waiting: each parked request is answered with EINTR. */
void requests_interrupt_all(struct requests *requests);
unsigned requests_parked(struct requests *requests);

#endif
