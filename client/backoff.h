/* SPDX-License-Identifier: MIT */
/* How long to wait before the next try, and what the server says about it (protocol 2.5). Pure. */
#ifndef CLIENT_BACKOFF_H
#define CLIENT_BACKOFF_H

#include <stdint.h>
#include <time.h>

/* Milliseconds before try number `tries` + 1: 200, doubling up to 5000, plus up to a quarter by
 * `random`. */
int64_t backoff_pause(unsigned tries, uint32_t random);

/* Milliseconds to wait, beyond what the server says, the `times`-th time (from 0) that its rate
 * limit refuses: any up to 1 s, doubling up to 16 s, by `random`. */
int64_t backoff_spread(unsigned times, uint32_t random);

/* Seconds with an optional fraction, as milliseconds; -1: not a number. Saturates. */
int64_t seconds_parse(const char *text);

/* A Retry-After value, seconds or an HTTP date, as milliseconds from `now`; -1: neither. */
int64_t retry_after_parse(const char *text, time_t now);

#endif
