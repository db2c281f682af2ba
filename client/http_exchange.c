/* SPDX-License-Identifier: MIT */
#include "http_exchange.h"

#include "backoff.h"
#include "base/clock.h"
#include "internal.h"
#include "no_proxy.h"
#include "signed_url.h"

#include <inttypes.h>
#include <strings.h>

enum {
    CONNECT_TIMEOUT_MS = 10000,
    STALL_MS = 15000,
    /* How late a cancellation may be noticed; of what waits long by now a little later: there may
     * be hundreds. */
    POLL_SLICE_MS = 50,
    LONG_POLL_SLICE_MS = 250,
    LONG_WAIT_MS = 1000,
    HEADERS_CEILING = 256 * 1024,
    ERROR_BODY_CEILING = 64 * 1024,
    REQUEST_HEADERS = 6,
};

static const long ADDRESS_SECONDS = 60; /* a resolved address is used for, unless it fails */

/* Answer headers that steer us; the rest curl knows. */
enum { CONTENT_RANGE, RETRY_AFTER, RATE_REMAINING, RATE_RESET, HEADER_COUNT };

static const char *const header_names[HEADER_COUNT] = {
    [CONTENT_RANGE] = "content-range:",
    [RETRY_AFTER] = "retry-after:",
    [RATE_REMAINING] = "ratelimit-remaining:",
    [RATE_RESET] = "ratelimit-reset:",
};

struct transfer {
    struct http_exchange *exchange;
    struct http_handle *handle;
    int64_t last_byte;    /* clock_milliseconds() of the last sign of life */
    uint64_t lively_from; /* of a relay's body: what came before is not counted again as one */
    size_t header_bytes;
    uint64_t body_bytes;
    bool answered; /* the response's head is filled in */
    bool to_sink;
    bool sink_ended;
    bool over_ceiling;
    char headers[HEADER_COUNT][64];
    struct curl_slist nodes[REQUEST_HEADERS]; /* the request's own headers, then the settings' */
    size_t node_count;
    char content_type[160];
};

/* Who is connected to, for messages and as what is remembered of its address. */
static void peer_origin(const struct http_exchange *exchange, char *origin, size_t size)
{
    const struct http_relay *relay = exchange->request->relay;
    if (relay)
        snprintf(origin, size, "the content proxy %s", relay->name);
    else
        url_origin(exchange->url, origin, size);
}

static void parse_content_range(struct http_response *response, const char *text)
{
    unsigned long long first;
    unsigned long long last;
    unsigned long long total;
    text += strspn(text, " \t");
    if (strncasecmp(text, "bytes", 5) != 0)
        return;
    text += 5;
    int found = sscanf(text, " %19llu-%19llu/%19llu", &first, &last, &total);
    if (found >= 2 && first <= last && last <= INT64_MAX)
        response->range_start = (int64_t)first;
    if (found == 3 && total > last && total <= INT64_MAX)
        response->range_total = (int64_t)total;
    if (sscanf(text, " */%19llu", &total) == 1 && total <= INT64_MAX)
        response->range_total = (int64_t)total;
}

/* Fills in what is known once the headers are complete. */
static void take_head(struct transfer *transfer)
{
    struct http_exchange *exchange = transfer->exchange;
    struct http_response *response = exchange->response;
    CURL *easy = transfer->handle->easy;
    long status = 0;
    char *type = NULL;
    curl_off_t length = -1;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    response->status = (int)status;
    snprintf(response->content_type, sizeof response->content_type, "%s", type ? type : "");
    response->content_length = length;
    parse_content_range(response, transfer->headers[CONTENT_RANGE]);
    transfer->to_sink = exchange->request->sink && (status == 200 || status == 206);
    if (exchange->request->sink && !transfer->to_sink)
        response->body.ceiling = ERROR_BODY_CEILING;
    transfer->answered = true;
}

/* There may be another relay to ask: one that drips is none. */
static void note_life(struct transfer *transfer)
{
    if (transfer->exchange->request->relay) {
        if (transfer->body_bytes - transfer->lively_from < HTTP_RELAY_PROGRESS)
            return;
        transfer->lively_from = transfer->body_bytes;
    }
    transfer->last_byte = clock_milliseconds();
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    struct http_exchange *exchange = transfer->exchange;
    struct buf *body = &exchange->response->body;
    (void)one;
    if (!transfer->answered)
        take_head(transfer);
    transfer->body_bytes += size;
    note_life(transfer);
    if (transfer->to_sink) {
        transfer->over_ceiling = transfer->body_bytes > exchange->request->ceiling;
        transfer->sink_ended = !transfer->over_ceiling &&
                               !exchange->request->sink(exchange->request->context, bytes, size);
        return transfer->over_ceiling || transfer->sink_ended ? CURL_WRITEFUNC_ERROR : size;
    }
    if (size > body->ceiling - body->size)
        transfer->over_ceiling = true;
    bool taken =
        buf_append(body, bytes, transfer->over_ceiling ? body->ceiling - body->size : size);
    return taken && !transfer->over_ceiling ? size : CURL_WRITEFUNC_ERROR;
}

static size_t take_header(char *line, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    (void)one;
    note_life(transfer);
    transfer->header_bytes += size;
    if (transfer->header_bytes > HEADERS_CEILING)
        return CURL_WRITEFUNC_ERROR;
    if (size >= 5 && strncmp(line, "HTTP/", 5) == 0)
        memset(transfer->headers, 0, sizeof transfer->headers);
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        size_t name = strlen(header_names[i]);
        if (size > name && size - name < sizeof transfer->headers[i] &&
            strncasecmp(line, header_names[i], name) == 0) {
            memcpy(transfer->headers[i], line + name, size - name);
            transfer->headers[i][size - name] = '\0';
        }
    }
    return size;
}

static void add_header(struct transfer *transfer, const char *line)
{
    const struct http_relay *relay = transfer->exchange->request->relay;
    struct curl_slist *node = &transfer->nodes[transfer->node_count++];
    node->data = (char *)(uintptr_t)line; /* curl only reads it */
    node->next = relay ? relay->headers : transfer->exchange->client->settings.extra_headers;
    if (node > transfer->nodes)
        node[-1].next = node;
}

static void set_request_headers(struct transfer *transfer)
{
    const struct http_exchange *exchange = transfer->exchange;
    const struct settings *settings = &exchange->client->settings;
    add_header(transfer, "Expect:");
    if (exchange->request->body) {
        snprintf(transfer->content_type, sizeof transfer->content_type, "Content-Type: %s",
                 exchange->request->content_type);
        add_header(transfer, transfer->content_type);
    }
    if (exchange->authorization) {
        add_header(transfer, exchange->authorization->header);
        /* What both official clients send: without effect but for who administers the site. */
        if (exchange->request->class == HTTP_METADATA)
            add_header(transfer, "Use-Admin-Privileges: true");
        if (settings->username_header)
            add_header(transfer, settings->username_header);
        if (settings->email_header)
            add_header(transfer, settings->email_header);
    }
    curl_easy_setopt(transfer->handle->easy, CURLOPT_HTTPHEADER, transfer->nodes);
}

const char *http_proxy_of(const struct settings *settings, const char *url, bool own, bool *named)
{
    bool encrypted = strncasecmp(url, "https:", 6) == 0;
    const char *proxy = !own ? NULL : encrypted ? settings->https_proxy : settings->http_proxy;
    *named = proxy != NULL;
    if (!proxy && no_proxy_matches(settings->no_proxy, url))
        proxy = "";
    return proxy || encrypted ? proxy : settings->any_http_proxy;
}

static void set_proxy(CURL *easy, const struct http_exchange *exchange)
{
    const struct settings *settings = &exchange->client->settings;
    if (exchange->request->relay) {
        curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* nor what the environment says */
        return;
    }
    bool own = exchange->place == URL_BELOW || exchange->place == URL_SAME_HOST;
    bool named;
    const char *proxy = http_proxy_of(settings, exchange->url, own, &named);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, named ? "" : NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
    curl_easy_setopt(easy, CURLOPT_PROXYHEADER, settings->proxy_headers);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void set_certificates(CURL *easy, const struct settings *settings)
{
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->insecure ? 0L : 2L);
    if (settings->ca_directories)
        curl_easy_setopt(easy, CURLOPT_CAPATH, settings->ca_directories);
    if (settings->ca_bundle.size > 0) {
        struct curl_blob bundle = {.data = settings->ca_bundle.data,
                                   .len = settings->ca_bundle.size,
                                   .flags = CURL_BLOB_NOCOPY};
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &bundle);
    } else if (settings->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
}

static void set_method(CURL *easy, const struct http_request *request)
{
    char range[64];
    if (request->body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, request->offset,
             request->offset + request->length - 1);
    curl_easy_setopt(easy, CURLOPT_RANGE, request->range ? range : NULL);
    /* Ranges count bytes of the encoded body. */
    bool decode = request->class == HTTP_METADATA || request->encoded;
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, decode ? "" : NULL);
    /* On a reused connection curl repeats by itself a POST whose answer was lost. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->repeatable ? 0L : 1L);
}

static long milliseconds_left(const struct http_exchange *exchange)
{
    int64_t left = exchange->deadline - clock_milliseconds();
    return left < 1 ? 1 : left > INT32_MAX ? INT32_MAX : (long)left;
}

/* Where the request goes: to the URL's host, or to a cache that is told the URL. */
static void set_destination(CURL *easy, const struct http_exchange *exchange)
{
    const struct http_relay *relay = exchange->request->relay;
    curl_easy_setopt(easy, CURLOPT_URL, relay ? relay->url : exchange->url);
    curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, relay ? exchange->url : NULL);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, relay ? relay->socket : NULL);
    /* HTTP/2 knows no such requests. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     (long)(relay ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
}

static void set_options(struct transfer *transfer)
{
    const struct http_exchange *exchange = transfer->exchange;
    const struct client *client = exchange->client;
    CURL *easy = transfer->handle->easy;
    long left = milliseconds_left(exchange);
    char origin[200];
    peer_origin(exchange, origin, sizeof origin);
    bool again = http_pool_resolves_again(&exchange->client->pool, origin);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, again ? 0L : ADDRESS_SECONDS);
    set_destination(easy, exchange);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, client->user_agent);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->handle->message);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a hung resolver must not delay an end */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, exchange->deadline == INT64_MAX ? 0L : left);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     left < CONNECT_TIMEOUT_MS ? left : CONNECT_TIMEOUT_MS);
    set_certificates(easy, &client->settings);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_USERNAME, exchange->user ? exchange->user->user : NULL);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, exchange->user ? exchange->user->password : NULL);
    set_method(easy, exchange->request);
    set_proxy(easy, exchange);
    set_request_headers(transfer);
}

/* Drives the transfer to its end. CURLE_ABORTED_BY_CALLBACK: cancelled. */
static CURLcode drive(struct transfer *transfer)
{
    struct http_exchange *exchange = transfer->exchange;
    CURLM *multi = transfer->handle->multi;
    bool stalls = exchange->request->class == HTTP_DATA;
    int stall = exchange->request->stall_ms ? exchange->request->stall_ms : STALL_MS;
    int64_t began = clock_milliseconds();
    for (;;) {
        int running = 0;
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        int messages;
        CURLMsg *message = curl_multi_info_read(multi, &messages);
        if (message && message->msg == CURLMSG_DONE)
            return message->data.result;
        if (call_interrupted(exchange->client, exchange->call))
            return CURLE_ABORTED_BY_CALLBACK;
        int64_t now = clock_milliseconds();
        if (stalls && now - transfer->last_byte > stall)
            return CURLE_OPERATION_TIMEDOUT;
        int slice = now - began > LONG_WAIT_MS ? LONG_POLL_SLICE_MS : POLL_SLICE_MS;
        if (curl_multi_poll(multi, NULL, 0, slice, NULL) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
    }
}

static bool connection_failed(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static void explain_timeout(struct transfer *transfer, const char *origin)
{
    struct error *error = &transfer->exchange->error;
    if (!transfer->exchange->sent)
        error_set(error, ERROR_TIMEOUT, "no connection to %s in time; check the network", origin);
    else if (transfer->header_bytes == 0)
        error_set(error, ERROR_TIMEOUT, "%s did not answer in time; try again later", origin);
    else
        error_set(error, ERROR_TIMEOUT, "the answer of %s stopped; try again later", origin);
}

static void explain(struct transfer *transfer, CURLcode code)
{
    struct http_exchange *exchange = transfer->exchange;
    struct error *error = &exchange->error;
    const char *detail = transfer->handle->message;
    char origin[200];
    peer_origin(exchange, origin, sizeof origin);
    if (!*detail)
        detail = curl_easy_strerror(code);
    bool before = connection_failed(code) && !exchange->sent;
    if (transfer->over_ceiling || transfer->header_bytes > HEADERS_CEILING)
        error_set(error, ERROR_SERVER, "the answer of %s is larger than anything sensible", origin);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        explain_timeout(transfer, origin);
    else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        error_set(error, ERROR_UNREACHABLE,
                  "cannot trust %s: %s; name its CA certificate in SSL_CERT_FILE", origin, detail);
    else if (before || code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CIPHER)
        error_set(error, ERROR_UNREACHABLE,
                  "cannot reach %s: %s; check the network, the proxy and the base URL", origin,
                  detail);
    else if (code == CURLE_OUT_OF_MEMORY)
        error_set(error, ERROR_LOCAL, "no memory for a transfer");
    else if (transfer->header_bytes == 0)
        error_set(error, ERROR_SERVER, "%s closed the connection without an answer: %s", origin,
                  detail);
    else
        error_set(error, ERROR_SERVER, "the answer of %s broke off: %s", origin, detail);
    error->status = transfer->answered ? exchange->response->status : 0;
}

static void take_hints(struct transfer *transfer)
{
    struct http_exchange *exchange = transfer->exchange;
    const char *remaining = transfer->headers[RATE_REMAINING];
    exchange->retry_after = retry_after_parse(transfer->headers[RETRY_AFTER], time(NULL));
    exchange->rate_reset = -1;
    if (exchange->response->status == 429 || seconds_parse(remaining) == 0)
        exchange->rate_reset = seconds_parse(transfer->headers[RATE_RESET]);
    if (exchange->response->status < 300 || exchange->response->status > 399)
        return;
    char *location = NULL;
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_REDIRECT_URL, &location);
    exchange->redirect = location ? strdup(location) : NULL;
}

/* Neither line has a query: it may hold a signature. */
static void log_exchange(const struct http_exchange *exchange, int64_t bytes, int64_t milliseconds)
{
    const struct http_relay *relay = exchange->request->relay;
    const char *method = exchange->request->body ? "POST" : "GET";
    char origin[200] = "";
    url_origin(exchange->url, origin, sizeof origin);
    if (relay)
        client_log(exchange->client, CLIENT_LOG_DEBUG,
                   "GET %s %s by %s: status %d, %" PRId64 " bytes, %" PRId64 " ms", origin,
                   relay->id, relay->name, exchange->response->status, bytes, milliseconds);
    else
        client_log(exchange->client, CLIENT_LOG_DEBUG,
                   "%s %.*s: status %d, %" PRId64 " bytes, %" PRId64 " ms", method,
                   (int)strcspn(exchange->url, "?#"), exchange->url, exchange->response->status,
                   bytes, milliseconds);
}

static void finish(struct transfer *transfer)
{
    struct http_exchange *exchange = transfer->exchange;
    CURL *easy = transfer->handle->easy;
    curl_off_t received = 0;
    curl_off_t elapsed = 0;
    long written = 0;
    long tunnel = 0; /* a proxy's answer to CONNECT */
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &written);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &elapsed);
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    exchange->sent = written > 0 && (tunnel == 0 || tunnel / 100 == 2);
    atomic_fetch_add(&exchange->client->requests, 1);
    atomic_fetch_add(&exchange->client->bytes_received, (uint_fast64_t)received);
    log_exchange(exchange, received, elapsed / 1000);
}

/* The name may lead to another address by now. */
static void note_unreached(struct http_exchange *exchange)
{
    char origin[200];
    peer_origin(exchange, origin, sizeof origin);
    http_pool_note_unreached(&exchange->client->pool, origin);
}

static int judge(struct transfer *transfer, CURLcode code)
{
    struct http_exchange *exchange = transfer->exchange;
    int status = exchange->response->status;
    /* The status says it all; a body that explains it is welcome but not needed. */
    bool enough = transfer->answered && status >= 300 && code != CURLE_OPERATION_TIMEDOUT;
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        error_set(&exchange->error, ERROR_INTERRUPTED, "interrupted");
        return -1;
    }
    if (code == CURLE_OK || enough) {
        take_hints(transfer);
        return 0;
    }
    if (transfer->sink_ended) /* it said why in the call's error */
        return error_set(&exchange->error, ERROR_LOCAL, "the transfer was ended");
    if (connection_failed(code) || code == CURLE_OPERATION_TIMEDOUT ||
        code == CURLE_PEER_FAILED_VERIFICATION)
        note_unreached(exchange);
    exchange->transient = connection_failed(code) && transfer->header_bytes == 0;
    explain(transfer, code);
    return -1;
}

int http_exchange_run(struct http_exchange *exchange)
{
    exchange->error = (struct error){0};
    exchange->transient = false;
    exchange->sent = false;
    exchange->redirect = NULL;
    exchange->retry_after = -1;
    exchange->rate_reset = -1;
    struct transfer transfer = {
        .exchange = exchange,
        .handle = http_pool_take(&exchange->client->pool),
        .last_byte = clock_milliseconds(),
    };
    if (!transfer.handle)
        return error_set(&exchange->error, ERROR_LOCAL, "no memory for a transfer");
    transfer.handle->message[0] = '\0';
    set_options(&transfer);
    curl_multi_add_handle(transfer.handle->multi, transfer.handle->easy);
    CURLcode code = drive(&transfer);
    if (!transfer.answered && transfer.header_bytes > 0)
        take_head(&transfer);
    finish(&transfer);
    int result = judge(&transfer, code);
    curl_multi_remove_handle(transfer.handle->multi, transfer.handle->easy);
    http_pool_put(&exchange->client->pool, transfer.handle);
    return result;
}
