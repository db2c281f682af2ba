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

struct http_pool {
    pthread_mutex_t lock;
    struct http_handle *idle; /* under lock */
    size_t idle_count;        /* under lock */
    CURLSH *share;
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST]; /* one for each kind of shared data */
};

bool http_pool_init(struct http_pool *pool);
/* All handles must have been put back. */
void http_pool_release(struct http_pool *pool);

/* NULL: no memory. */
struct http_handle *http_pool_take(struct http_pool *pool);
void http_pool_put(struct http_pool *pool, struct http_handle *handle);

#endif
