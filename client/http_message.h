/* SPDX-License-Identifier: MIT */
/* A request and its answer. */
#ifndef CLIENT_HTTP_MESSAGE_H
#define CLIENT_HTTP_MESSAGE_H

#include "base/buf.h"

#include <stdint.h>

enum http_class {
    HTTP_METADATA, /* the W&B host, credentials attached, counted by the circuit breaker */
    HTTP_DATA,     /* file content, from wherever it is; no total limit but the call's deadline (0:
                      none) and silence */
};

/* Takes the next bytes of a body; returns false to end the transfer (the sink sets call->error). */
typedef bool http_sink(void *context, const char *bytes, size_t size);

struct curl_slist;

/* Bytes of a body that are progress: without them a relay's answer is taken for silence, with them
 * for work although it broke off. */
enum { HTTP_RELAY_PROGRESS = 64 << 10 };

/* A cache that a GET is sent to, which asks the URL's own host where it has to. It gets the URL as
 * it stands, over HTTP/1.1, and no credential, cookie or header but these. */
struct http_relay {
    const char *name;           /* for people */
    const char *url;            /* where to connect: http(s)://HOST[:PORT] */
    const char *socket;         /* path of a Unix socket to connect to instead; NULL: none */
    const char *id;             /* what the content is called; for people, too */
    struct curl_slist *headers; /* "NAME: VALUE", the URL's Host among them */
};

struct http_request {
    const char *url;
    const char *body; /* NULL: GET; else POST of these bytes, NUL-terminated */
    const char *content_type;
    enum http_class class;
    bool anonymous;  /* no credentials even below the base URL */
    bool encoded;    /* HTTP_DATA: the body may come encoded, and is decoded */
    bool repeatable; /* may be sent again after 429, 502-504 and failed connections */
    bool range;      /* ask for bytes offset … offset + length - 1 */
    uint64_t offset;
    uint64_t length;
    /* HTTP_DATA: sent to there, once; its answer is the outcome, whatever the status. NULL: none */
    const struct http_relay *relay;
    /* HTTP_DATA: ends after so long without a byte, or HTTP_RELAY_PROGRESS of a relay's; 0: 15 s */
    int stall_ms;
    size_t ceiling; /* bytes of a body that are accepted; more is ERROR_SERVER */
    /* Takes the body of a 200 or 206; the response's other members are set before its first call.
     * After that call nothing is sent again. NULL: the body goes to http_response.body. */
    http_sink *sink;
    void *context;
};

struct http_response {
    int status;      /* of the final answer */
    struct buf body; /* also of an error status (beyond the ceiling cut, no error then) */
    char content_type[128];
    int64_t content_length; /* as announced, -1 when not */
    int64_t range_start;    /* of Content-Range, -1 without */
    int64_t range_total;    /* complete length in Content-Range, -1 when unknown */
};

static inline void http_response_release(struct http_response *response)
{
    buf_release(&response->body);
}
#define cleanup_http_response cleanup(http_response_release)

#endif
