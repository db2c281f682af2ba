/* SPDX-License-Identifier: MIT */
/* struct client and what its modules share; nothing outside client/ includes this. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "authorization.h"
#include "base_url.h"
#include "breaker.h"
#include "call.h"
#include "feature_list.h"
#include "http_pool.h"
#include "manifest.h"
#include "observer.h"
#include "search.h"
#include "settings.h"
#include "storage_health.h"

struct content_proxies;

struct client {
    /* Immutable after client_new(). */
    struct settings settings;
    struct base_url base_url;
    char *api_key_file;
    char *user_agent;
    int timeout_ms;
    size_t answer_memory;                    /* 0: no limit */
    struct content_proxies *content_proxies; /* NULL: none */
    struct client_observer observer;
    const struct authorizer *authorizer;

    struct credentials *credentials; /* the authorizer's */
    struct breaker breaker;
    struct http_pool pool;
    struct features features;
    struct searches searches;
    struct manifests manifests;
    struct storage_health storages;
    atomic_bool lacks_membership_files; /* found out by asking (file_lookup.h) */
    atomic_bool lacks_artifact_files;
    atomic_bool lacks_collection_memberships; /* likewise (collection.c) */
    atomic_bool lacks_membership_by_name;     /* likewise (version.c) */
    atomic_bool lacks_download_handler;       /* likewise (file_source.c) */
    atomic_bool shutting_down;
    _Atomic int64_t quiet_until;  /* no metadata request before: the rate limit is used up */
    _Atomic int64_t limits_until; /* up to then a rate limit is waited out; 0: within deadlines */

    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t graphql_requests;
    atomic_uint_fast64_t bytes_received;
    atomic_uint_fast64_t retries;
    atomic_uint_fast64_t failures;
};

/* To the observer, if it wants to hear. */
void client_log(const struct client *client, enum client_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void client_report(const struct client *client, enum error_kind kind, const char *operation,
                   const char *object, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* What an answer and all that is made of it may take, in bytes. */
static inline size_t client_answer_memory(const struct client *client)
{
    return client->answer_memory ? client->answer_memory : SIZE_MAX;
}

/* The call's deadline, or the client's timeout from now. */
int64_t call_deadline(const struct client *client, const struct call *call);
/* Whether the call was cancelled or the client shut down; sets ERROR_INTERRUPTED. */
bool call_interrupted(const struct client *client, const struct call *call);
/* Sleeps until `time` (clock_milliseconds). False: interrupted, the error is set. */
bool call_sleep_until(const struct client *client, const struct call *call, int64_t time);

#endif
