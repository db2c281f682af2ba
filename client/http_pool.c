/* SPDX-License-Identifier: MIT */
#include "http_pool.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

#include <stdlib.h>

/* More threads than this rarely wait at the same time; an idle handle costs memory and a socket. */
enum { MOST_IDLE_HANDLES = 64 };

static void lock_shared(CURL *easy, curl_lock_data data, curl_lock_access access, void *context)
{
    (void)easy;
    (void)access;
    struct http_pool *pool = context;
    pthread_mutex_lock(&pool->share_locks[data]);
}

static void unlock_shared(CURL *easy, curl_lock_data data, void *context)
{
    (void)easy;
    struct http_pool *pool = context;
    pthread_mutex_unlock(&pool->share_locks[data]);
}

bool http_pool_init(struct http_pool *pool)
{
    *pool = (struct http_pool){.share = curl_share_init()};
    pthread_mutex_init(&pool->lock, NULL);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&pool->share_locks[i], NULL);
    if (!pool->share)
        return false;
    curl_share_setopt(pool->share, CURLSHOPT_USERDATA, pool);
    curl_share_setopt(pool->share, CURLSHOPT_LOCKFUNC, lock_shared);
    curl_share_setopt(pool->share, CURLSHOPT_UNLOCKFUNC, unlock_shared);
    curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return true;
}

static void free_handle(struct http_handle *handle)
{
    curl_easy_cleanup(handle->easy);
    curl_multi_cleanup(handle->multi);
    free(handle);
}

void http_pool_release(struct http_pool *pool)
{
    while (pool->idle) {
        struct http_handle *handle = pool->idle;
        pool->idle = handle->next;
        free_handle(handle);
    }
    curl_share_cleanup(pool->share);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&pool->share_locks[i]);
    pthread_mutex_destroy(&pool->lock);
}

static struct http_handle *new_handle(struct http_pool *pool)
{
    struct http_handle *handle = calloc(1, sizeof *handle);
    if (!handle)
        return NULL;
    handle->easy = curl_easy_init();
    handle->multi = curl_multi_init();
    if (!handle->easy || !handle->multi) {
        free_handle(handle);
        return NULL;
    }
    curl_easy_setopt(handle->easy, CURLOPT_SHARE, pool->share);
    return handle;
}

/* The place of an origin among those to be resolved again, UNREACHED_ORIGINS when it is none. Under
 * the lock. */
static size_t unreached_place(const struct http_pool *pool, const char *origin)
{
    size_t place = 0;
    while (place < UNREACHED_ORIGINS && strcmp(pool->unreached[place], origin) != 0)
        place++;
    return place;
}

void http_pool_note_unreached(struct http_pool *pool, const char *origin)
{
    pthread_mutex_lock(&pool->lock);
    if (unreached_place(pool, origin) == UNREACHED_ORIGINS) {
        char *place = pool->unreached[pool->next_unreached++ % UNREACHED_ORIGINS];
        snprintf(place, sizeof pool->unreached[0], "%s", origin);
    }
    pthread_mutex_unlock(&pool->lock);
}

bool http_pool_resolves_again(struct http_pool *pool, const char *origin)
{
    pthread_mutex_lock(&pool->lock);
    size_t place = unreached_place(pool, origin);
    if (place < UNREACHED_ORIGINS)
        pool->unreached[place][0] = '\0';
    pthread_mutex_unlock(&pool->lock);
    return place < UNREACHED_ORIGINS;
}

struct http_handle *http_pool_take(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct http_handle *handle = pool->idle;
    if (handle) {
        pool->idle = handle->next;
        pool->idle_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return handle ? handle : new_handle(pool);
}

void http_pool_put(struct http_pool *pool, struct http_handle *handle)
{
    pthread_mutex_lock(&pool->lock);
    bool keep = pool->idle_count < MOST_IDLE_HANDLES;
    if (keep) {
        handle->next = pool->idle;
        pool->idle = handle;
        pool->idle_count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep)
        free_handle(handle);
}
