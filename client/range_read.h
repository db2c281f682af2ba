/* SPDX-License-Identifier: MIT */
/* One request for a range of a file, its answer believed only as far as it fits (design 5). */
#ifndef CLIENT_RANGE_READ_H
#define CLIENT_RANGE_READ_H

#include "content.h"
#include "http.h"

struct range_read {
    struct client *client;
    struct call *call;
    const char *url;
    bool anonymous;                 /* a signed URL */
    const struct http_relay *relay; /* the cache that is asked; NULL: none */
    bool accept_whole; /* take an answer that is the whole file, skipping what is in front */
    int stall_ms;
    uint64_t file_size;
    uint64_t offset;
    uint64_t length;
    content_sink *sink;
    void *context;

    /* The outcome. */
    uint64_t delivered;
    int status;        /* of the answer, 0: none came */
    bool sink_refused; /* the sink ended it */
    bool ended_early;  /* an answer that is whole, but of less than was asked for */
    bool whole;        /* the range was ignored: the answer is the whole file */
};

/* 0: all bytes were delivered. -1 with call->error: some were, maybe none. */
int range_read(struct range_read *read);

#endif
