/* SPDX-License-Identifier: MIT */
/*
 * The caches that the contents of files are fetched through (--content-proxy): which there are, to
 * which of them a request goes, how they have been. All who have the same list send the same range
 * to the same member, so that it is fetched once. Any thread; the lock is a leaf. Times are
 * clock_milliseconds().
 */
#ifndef CLIENT_CONTENT_PROXY_H
#define CLIENT_CONTENT_PROXY_H

#include "base/error.h"
#include "content_id.h"
#include "content_proxy_figures.h"
#include "http_message.h"

enum {
    CONTENT_PROXY_MOST = 64,           /* members */
    CONTENT_PROXY_PIECE = 64 << 20,    /* bytes that go to one member; no request crosses its end */
    CONTENT_PROXY_ALIGNMENT = 4 << 20, /* of what is read ahead: what caches keep in slices of */
    CONTENT_PROXY_FIRST_REST_MS = 1000,    /* of a member that failed; doubles, */
    CONTENT_PROXY_LONGEST_REST_MS = 60000, /* … up to this, give or take a half */
};

struct content_proxies;

/*
 * Members are separated by `|` within a group and by `;` between groups, of which the first one
 * with a member that works is used: http://HOST[:PORT], https://…, unix:/PATH, or DIRECT: no cache.
 * `headers`: "NAME: VALUE" each; `%i` in a value stands for the content's id. Copies all.
 * ERROR_INVALID says what is wrong.
 */
int content_proxies_new(const char *list, const char *const *headers, size_t header_count,
                        struct error *error, struct content_proxies **created);
/* NULL is allowed. */
void content_proxies_free(struct content_proxies *proxies);

/* Whether DIRECT is among them. */
bool content_proxies_have_direct(const struct content_proxies *proxies);
bool content_proxies_is_direct(const struct content_proxies *proxies, int member);
/* For people. */
const char *content_proxies_name(const struct content_proxies *proxies, int member);

/* The member to ask for the byte at `offset`, none of those whose bits are in `tried`; -1: there is
 * none, before *wake, INT64_MAX: at all. Of one that has rested only the first caller is told. */
int content_proxies_choose(struct content_proxies *proxies, const char *id, uint64_t offset,
                           uint64_t tried, int64_t now, int64_t *wake);

/* What became of a request. */
void content_proxies_count(struct content_proxies *proxies, int member, uint64_t bytes, bool error);
/* The member works. */
void content_proxies_worked(struct content_proxies *proxies, int member);
/* It does not, as was seen by a request sent at `started`: it rests. Requests that ran side by side
 * count once. Returns for how long, 0: it rests already. */
int64_t content_proxies_failed(struct content_proxies *proxies, int member, int64_t started,
                               int64_t now, uint32_t random);

/* How the member is asked for a content; to be released. False: no memory. */
bool content_proxies_relay(const struct content_proxies *proxies, int member, const char *url,
                           const char *id, struct http_relay *relay);
void content_proxies_relay_release(struct http_relay *relay);

/* Contents that came wrong from these caches. */
struct wrong_contents *content_proxies_wrong(struct content_proxies *proxies);

/* Of the member number `index`; false: there are fewer. */
bool content_proxies_read_figures(struct content_proxies *proxies, size_t index,
                                  struct content_proxy_figures *figures);

#endif
