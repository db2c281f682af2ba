/* SPDX-License-Identifier: MIT */
/*
 * Idle curl handles, last used first. Each keeps its own connections: sharing a
 * connection cache between threads is documented as unsafe in curl 7.88. DNS
 * answers and TLS sessions are shared. Any thread.
 */
#ifndef CLIENT_HTTP_POOL_H
#define CLIENT_HTTP_POOL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* A transfer at a time; belongs to the thread that took it. */
struct http_handle {
    CURL *easy;
    CURLM *multi;
    struct http_handle *next;
    char message[CURL_ERROR_SIZE];
};

enum { UNREACHED_ORIGINS = 16 };

struct http_pool {
    pthread_mutex_t lock;
    struct http_handle *idle; /* under lock */
    size_t idle_count;        /* under lock */
    /* Under lock: origins whose names are to be resolved again; "" for none. */
    char unreached[UNREACHED_ORIGINS][200];
    size_t next_unreached;
    CURLSH *share;
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST]; /* one for each kind of shared data */
};

bool http_pool_init(struct http_pool *pool);
/* All handles must have been put back. */
void http_pool_release(struct http_pool *pool);

/* No connection to an origin ("https://host:port") came about, or it broke: its address is not to
 * be taken from memory the next time. */
void http_pool_note_unreached(struct http_pool *pool, const char *origin);
/* Whether that is so, once. */
bool http_pool_resolves_again(struct http_pool *pool, const char *origin);

/* NULL: no memory. */
struct http_handle *http_pool_take(struct http_pool *pool);
void http_pool_put(struct http_pool *pool, struct http_handle *handle);

#endif
