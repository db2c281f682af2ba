/* SPDX-License-Identifier: MIT */
#include "http.h"

#include "backoff.h"
#include "base/clock.h"
#include "http_exchange.h"
#include "internal.h"
#include "signed_url.h"

#include <unistd.h>

enum {
    MOST_REDIRECTS = 5,
    MOST_TRIES = 5,                   /* after a failed connection or 502-504 */
    LONGEST_QUIET_MS = 60 * 1000,     /* believed of RateLimit-Reset */
    UNLIMITED_RETRIES_MS = 60 * 1000, /* how long calls without a deadline are repeated */
};

/* A request with all its tries. */
struct sending {
    struct http_exchange exchange;
    struct authorization *authorization; /* of the latest try */
    struct signed_url signed_url;        /* of an anonymous request, else zeros */
    int64_t retry_deadline;
    int64_t started;  /* the latest try */
    unsigned tries;   /* failed ones */
    unsigned limited; /* times that a rate limit was waited out */
    unsigned redirects;
    bool reauthorized;
    bool probe;
};

enum step { STEP_AGAIN, STEP_DONE, STEP_FAILED };

/* The exchange's error becomes the call's. */
static enum step fail(struct sending *sending)
{
    struct error *error = sending->exchange.call->error;
    if (error->kind == ERROR_NONE)
        *error = sending->exchange.error;
    return STEP_FAILED;
}

/* The W&B host's own way to files (protocol 8.3). Anything else is taken for a signed URL: storage
 * may live on the same host and refuses a second kind of credentials. */
static bool is_artifact_url(const struct base_url *base, const char *url)
{
    size_t prefix = strlen(base->text);
    return strncmp(url, base->text, prefix) == 0 &&
           (strncmp(url + prefix, "/artifacts/", 11) == 0 ||
            strncmp(url + prefix, "/artifactsV2/", 13) == 0);
}

static bool authorize(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    authorization_unref(steal(sending->authorization));
    exchange->authorization = NULL;
    if (exchange->request->anonymous || exchange->place != URL_BELOW)
        return true;
    if (exchange->request->class == HTTP_DATA &&
        (sending->redirects > 0 || !is_artifact_url(&exchange->client->base_url, exchange->url)))
        return true;
    if (exchange->client->authorizer->get(exchange->client, exchange->call,
                                          &sending->authorization) != 0)
        return false;
    exchange->authorization = sending->authorization;
    return true;
}

static uint32_t random_number(void)
{
    uint32_t number = 0; /* without one all who failed together come again together, no more */
    (void)getentropy(&number, sizeof number);
    return number;
}

/* Whether the rate limit is waited out beyond deadlines. */
static bool waits_out_limits(const struct client *client, const struct http_request *request)
{
    return request->class == HTTP_METADATA && request->repeatable &&
           atomic_load(&client->limits_until) > clock_milliseconds();
}

/* A request's own time begins, since what was waited before is not to count. */
static void begin_time(struct sending *sending)
{
    sending->exchange.deadline = clock_milliseconds() + sending->exchange.client->timeout_ms;
    sending->retry_deadline = sending->exchange.deadline;
}

/* Waits `announced` milliseconds and a random time more, so that those whom a limit has refused
 * together do not come together again. False: it would be too long, or was cancelled. */
static bool wait_out_limit(struct sending *sending, int64_t announced)
{
    struct http_exchange *exchange = &sending->exchange;
    struct client *client = exchange->client;
    int64_t until =
        clock_milliseconds() + announced + backoff_spread(sending->limited, random_number());
    if (sending->limited++ == 0)
        client_log(client, CLIENT_LOG_DEBUG, "the server limits the rate of requests; waiting");
    if (!waits_out_limits(client, exchange->request) ||
        until >= atomic_load(&client->limits_until) ||
        !call_sleep_until(client, exchange->call, until))
        return false;
    begin_time(sending);
    return true;
}

/* Waits while the rate limit is used up; asks the breaker. */
static bool admit(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    struct client *client = exchange->client;
    if (exchange->request->class != HTTP_METADATA)
        return true;
    int64_t now = clock_milliseconds();
    int64_t quiet_until = atomic_load(&client->quiet_until);
    if (quiet_until > now && quiet_until >= exchange->deadline &&
        !wait_out_limit(sending, quiet_until - now)) {
        error_set(exchange->call->error, ERROR_BUSY,
                  "the server's rate limit is used up; try again in %d s",
                  (int)((quiet_until - now + 999) / 1000));
        return false;
    }
    if (!call_sleep_until(client, exchange->call, quiet_until))
        return false;
    if (sending->tries > 0 || sending->redirects > 0 || sending->reauthorized)
        return true; /* what is under way makes its tries: it tells when the server is back */
    enum breaker_verdict verdict = breaker_admit(&client->breaker, exchange->call->kind,
                                                 clock_milliseconds(), exchange->call->error);
    sending->probe = verdict == BREAKER_PROBE;
    return verdict != BREAKER_REFUSE;
}

/* Tells the breaker how the try that began at `started` ended. */
static void record(struct sending *sending, int result, int64_t started)
{
    const struct http_exchange *exchange = &sending->exchange;
    struct breaker *breaker = &exchange->client->breaker;
    if (exchange->request->class != HTTP_METADATA)
        return;
    bool probe = sending->probe;
    sending->probe = false;
    struct error failure = exchange->error;
    if (result == 0 && exchange->response->status >= 500) {
        error_set(&failure, ERROR_SERVER, "the server answers with status %d",
                  exchange->response->status);
        failure.status = exchange->response->status;
    }
    switch (failure.kind) {
    case ERROR_UNREACHABLE:
    case ERROR_TIMEOUT:
    case ERROR_SERVER:
        breaker_failure(breaker, exchange->call->kind, probe, started, clock_milliseconds(),
                        &failure);
        if (probe)
            sending->tries = MOST_TRIES; /* one request is enough to find out */
        break;
    case ERROR_NONE:
        breaker_success(breaker);
        break;
    default:
        if (probe)
            breaker_abandon(breaker);
    }
}

/* Sleeps before another try. False: none, because it would come too late or was cancelled. */
static bool pause_for_retry(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    int64_t pause = exchange->retry_after;
    if (pause < 0)
        pause = exchange->rate_reset;
    if (pause < 0)
        pause = backoff_pause(sending->tries, random_number());
    sending->tries++;
    int64_t now = clock_milliseconds();
    /* A try that takes as long as the last one must end in time: that it did not would tell less
     * than how the last one failed. */
    if (pause + (now - sending->started) >= sending->retry_deadline - now)
        return false;
    if (!call_sleep_until(exchange->client, exchange->call, now + pause))
        return false;
    atomic_fetch_add(&exchange->client->retries, 1);
    return true;
}

static enum step after_failure(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    bool repeatable = exchange->request->repeatable || !exchange->sent;
    if (exchange->transient && repeatable && !exchange->request->relay &&
        sending->tries + 1 < MOST_TRIES && pause_for_retry(sending))
        return STEP_AGAIN;
    exchange->error.maybe_applied = exchange->sent && !exchange->request->repeatable;
    if (exchange->call->error->kind != ERROR_NONE)
        exchange->call->error->maybe_applied = exchange->error.maybe_applied;
    return fail(sending);
}

static enum step refuse_redirect(struct sending *sending, const char *why)
{
    struct http_exchange *exchange = &sending->exchange;
    char origin[200];
    url_origin(exchange->redirect, origin, sizeof origin);
    error_set(&exchange->error, ERROR_SERVER, "the server redirects to %s, %s", origin, why);
    exchange->error.status = exchange->response->status;
    return fail(sending);
}

static enum step redirect(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    int status = exchange->response->status;
    enum url_place place = base_url_place(&exchange->client->base_url, exchange->redirect);
    if (place == URL_UNUSABLE)
        return refuse_redirect(sending, "which is no address to follow");
    if (++sending->redirects > MOST_REDIRECTS)
        return refuse_redirect(sending, "again and again");
    if (exchange->request->body && (place != URL_BELOW || (status != 307 && status != 308)))
        return refuse_redirect(sending, "where requests are not sent to; correct the base URL");
    return STEP_AGAIN;
}

static enum step too_many_requests(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    int64_t announced = exchange->retry_after >= 0 ? exchange->retry_after : exchange->rate_reset;
    if (waits_out_limits(exchange->client, exchange->request)
            ? wait_out_limit(sending, announced > 0 ? announced : 0)
            : exchange->request->repeatable && pause_for_retry(sending))
        return STEP_AGAIN;
    error_set(&exchange->error, ERROR_BUSY,
              "the server limits the rate of requests (429); try again later");
    exchange->error.status = 429;
    return fail(sending);
}

static enum step after_answer(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    int status = exchange->response->status;
    if (exchange->request->relay)
        return STEP_DONE;
    if (exchange->redirect)
        return redirect(sending);
    if (status == 401 && sending->authorization && !sending->reauthorized) {
        sending->reauthorized = true;
        return exchange->client->authorizer->changed(exchange->client, exchange->call,
                                                     sending->authorization)
                   ? STEP_AGAIN
                   : STEP_DONE;
    }
    if (status == 429)
        return too_many_requests(sending);
    if (status >= 502 && status <= 504 && exchange->request->repeatable &&
        sending->tries + 1 < MOST_TRIES) {
        if (pause_for_retry(sending))
            return STEP_AGAIN;
        return exchange->call->error->kind == ERROR_NONE ? STEP_DONE : STEP_FAILED;
    }
    return STEP_DONE;
}

static void note_rate_limit(const struct sending *sending)
{
    const struct http_exchange *exchange = &sending->exchange;
    if (exchange->request->class != HTTP_METADATA || exchange->rate_reset <= 0)
        return;
    int64_t quiet =
        exchange->rate_reset < LONGEST_QUIET_MS ? exchange->rate_reset : LONGEST_QUIET_MS;
    atomic_store(&exchange->client->quiet_until, clock_milliseconds() + quiet);
}

/* The response as it was before the first try. */
static void reset_response(const struct http_request *request, struct http_response *response)
{
    response->status = 0;
    buf_clear(&response->body);
    response->body.ceiling = request->ceiling;
    response->content_type[0] = '\0';
    response->content_length = -1;
    response->range_start = -1;
    response->range_total = -1;
}

static enum step try_once(struct sending *sending)
{
    struct http_exchange *exchange = &sending->exchange;
    cleanup_free char *location = steal(exchange->redirect);
    const struct signed_url *signed_url = sending->signed_url.text ? &sending->signed_url : NULL;
    exchange->url = location ? location : signed_url ? signed_url->text : exchange->request->url;
    exchange->user = location ? NULL : signed_url;
    exchange->place = base_url_place(&exchange->client->base_url, exchange->url);
    if (exchange->place == URL_UNUSABLE) {
        error_set(&exchange->error, ERROR_SERVER, "the server named an address that is not HTTP");
        return fail(sending);
    }
    if (call_interrupted(exchange->client, exchange->call) || !authorize(sending) ||
        !admit(sending))
        return STEP_FAILED;
    reset_response(exchange->request, exchange->response);
    sending->started = clock_milliseconds();
    int result = http_exchange_run(exchange);
    record(sending, result, sending->started);
    note_rate_limit(sending);
    enum step step = result == 0 ? after_answer(sending) : after_failure(sending);
    if (step == STEP_AGAIN && !exchange->redirect)
        exchange->redirect = steal(location); /* the same place again */
    return step;
}

int http_send(struct client *client, struct call *call, const struct http_request *request,
              struct http_response *response)
{
    int64_t deadline = request->class == HTTP_DATA && call->deadline == 0
                           ? INT64_MAX
                           : call_deadline(client, call);
    struct sending sending = {
        .exchange = {.client = client,
                     .call = call,
                     .request = request,
                     .response = response,
                     .deadline = deadline},
        .retry_deadline =
            deadline == INT64_MAX ? clock_milliseconds() + UNLIMITED_RETRIES_MS : deadline,
    };
    *response = (struct http_response){0};
    buf_init(&response->body, request->ceiling);
    if (waits_out_limits(client, request))
        begin_time(&sending);
    enum step step;
    if (request->anonymous && signed_url_parse(&sending.signed_url, request->url) != 0)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    do {
        step = try_once(&sending);
    } while (step == STEP_AGAIN);
    signed_url_release(&sending.signed_url);
    authorization_unref(sending.authorization);
    free(sending.exchange.redirect);
    if (step == STEP_FAILED || response->status >= 400)
        atomic_fetch_add(&client->failures, 1);
    return step == STEP_FAILED ? -1 : 0;
}
