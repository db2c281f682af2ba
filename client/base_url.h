/* SPDX-License-Identifier: MIT */
/* The W&B server's address and the question which URLs belong to it (protocol 1.1, 1.2). Pure. */
#ifndef CLIENT_BASE_URL_H
#define CLIENT_BASE_URL_H

#include "base/error.h"

/* Owned strings, immutable after base_url_parse(). */
struct base_url {
    char *text;    /* without a trailing slash */
    char *scheme;  /* "http" or "https" */
    char *host;    /* lower case; an IPv6 address in brackets */
    char *netrc;   /* host:port when the URL has a port, else NULL: tried first in netrc */
    unsigned port; /* the scheme's own when the URL has none */
    char *path;    /* prefix without a trailing slash, may be empty */
};

/* ERROR_INVALID: not http(s), user info, query or fragment, the public domain without api. or TLS.
 */
int base_url_parse(struct base_url *base, const char *text, struct error *error);
void base_url_release(struct base_url *base);

enum url_place {
    URL_UNUSABLE,  /* cannot be parsed, or neither http nor https */
    URL_ELSEWHERE, /* another origin */
    URL_SAME_HOST, /* the base URL's origin, but outside of its path prefix */
    URL_BELOW,     /* credentials may be attached */
};

/* "https://host:port" of a URL, for messages: the rest may hold signatures. */
void url_origin(const char *url, char *origin, size_t size);

enum url_place base_url_place(const struct base_url *base, const char *url);

#endif
