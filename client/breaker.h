/* SPDX-License-Identifier: MIT */
/*
 * Circuit breaker of metadata requests (design 5): after several failures in a
 * row requests are refused for a growing time; then the next caller is the probe.
 * Any thread; its lock is a leaf. Times are clock_milliseconds().
 */
#ifndef CLIENT_BREAKER_H
#define CLIENT_BREAKER_H

#include "call.h"

#include <pthread.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES = 5,
    BREAKER_FIRST_PAUSE_MS = 1000,
    BREAKER_LONGEST_PAUSE_MS = 30000,
};

struct breaker {
    pthread_mutex_t lock;
    int failures;         /* in a row */
    int64_t last_failure; /* when the latest of them ended */
    int64_t pause;        /* 0: closed */
    int64_t retry_at;
    bool probing;
    unsigned failed_kinds; /* of calls, a bit each: see breaker_admit() */
    struct error last;     /* what the failures were */
};

enum breaker_verdict { BREAKER_ALLOW, BREAKER_PROBE, BREAKER_REFUSE };

void breaker_init(struct breaker *breaker);
void breaker_release(struct breaker *breaker);

/* May a request be sent? BREAKER_REFUSE sets `error`. After BREAKER_PROBE exactly one of the
 * functions below must follow with `probe` set. Requests that ran out of time say nothing about
 * those of calls of another kind, which the server may well answer: these are allowed until one of
 * them has failed, too. */
enum breaker_verdict breaker_admit(struct breaker *breaker, enum call_kind kind, int64_t now,
                                   struct error *error);
void breaker_success(struct breaker *breaker);
/* `started`: when the failed request was sent. Fast failures of requests that ran side by side
 * count as one: a single hiccup of the server must not open the breaker. */
void breaker_failure(struct breaker *breaker, enum call_kind kind, bool probe, int64_t started,
                     int64_t now, const struct error *failure);
/* The probe ended without a verdict on the server (cancelled). */
void breaker_abandon(struct breaker *breaker);
bool breaker_is_open(const struct breaker *breaker);

#endif
