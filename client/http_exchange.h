/* SPDX-License-Identifier: MIT */
/* One request on the wire and its answer: no retries, no redirects, no breaker. Blocks. */
#ifndef CLIENT_HTTP_EXCHANGE_H
#define CLIENT_HTTP_EXCHANGE_H

#include "base_url.h"
#include "call.h"
#include "http_message.h"

struct authorization;
struct settings;
struct signed_url;

struct http_exchange {
    struct client *client;
    struct call *call;
    const struct http_request *request;
    struct http_response *response;
    const char *url; /* the request's, or where it was redirected to */
    enum url_place place;
    const struct authorization *authorization; /* NULL: anonymous */
    const struct signed_url *user;             /* whose user is to be named; NULL: nobody */
    int64_t deadline;                          /* clock_milliseconds(); INT64_MAX: none */

    /* The outcome. */
    struct error error;  /* why there is no answer; that of a sink goes to call->error */
    bool transient;      /* the connection failed before any byte of an answer */
    bool sent;           /* the request, or a part of it, left */
    char *redirect;      /* malloc'ed absolute URL of a redirect answer, else NULL */
    int64_t retry_after; /* milliseconds the server asked for, -1 when it did not */
    int64_t rate_reset;  /* milliseconds until the rate limit is reset, -1 when not used up */
};

/* 0: an answer came; -1: none, see the outcome. Members of the outcome are set in either case. */
int http_exchange_run(struct http_exchange *exchange);

/* The proxy for a URL; `own`: one of the W&B host, which the WANDB_ variables are for (*named: they
 * name it, and NO_PROXY has no say). Empty: there is to be none; NULL: curl's own variables count.
 */
const char *http_proxy_of(const struct settings *settings, const char *url, bool own, bool *named);

#endif
