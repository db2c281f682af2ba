/* SPDX-License-Identifier: MIT */
/* Where the bytes of a file are: its signed URL, and reading from there or from the W&B host.
 * Blocking calls, any thread. */
#ifndef CLIENT_FILE_SOURCE_H
#define CLIENT_FILE_SOURCE_H

#include "content.h"

#include <pthread.h>

struct file_source {
    struct client *client; /* immutable, as is all up to the lock */
    struct version *version;
    struct artifact_file *file;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *url; /* NULL: to be asked for */
    unsigned renewals;
    bool renewing;
    bool from_host;  /* the storage had nothing to give, the W&B host has */
    unsigned suffix; /* of the name by which content proxies are asked (content_id.h) */
};

/* The signed URL, malloc'ed, asked for where it is not known; *seen is for file_source_renew().
 * NULL: the server has none, or (call->error) it cannot be had. */
char *file_source_url(struct file_source *source, struct call *call, unsigned *seen);
/* Puts another URL in place of the one that was `seen` (a count of renewals), unless somebody has
 * done so. */
int file_source_renew(struct file_source *source, struct call *call, unsigned seen);

/* As file_source_read(), past all content proxies. */
int file_source_read_directly(struct file_source *source, struct call *call, uint64_t offset,
                              uint64_t length, content_sink *sink, void *context);

#endif
