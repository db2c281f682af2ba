/* SPDX-License-Identifier: MIT */
#include "breaker.h"

void breaker_init(struct breaker *breaker)
{
    *breaker = (struct breaker){0};
    pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_release(struct breaker *breaker)
{
    pthread_mutex_destroy(&breaker->lock);
}

static void refuse(const struct breaker *breaker, int64_t now, struct error *error)
{
    int64_t wait = breaker->retry_at > now ? breaker->retry_at - now : 0;
    error_set(error, breaker->last.kind, "%s (failed %d times in a row; not asked again for %d s)",
              breaker->last.message, breaker->failures, (int)((wait + 999) / 1000));
    error->status = breaker->last.status;
}

enum breaker_verdict breaker_admit(struct breaker *breaker, enum call_kind kind, int64_t now,
                                   struct error *error)
{
    enum breaker_verdict verdict = BREAKER_ALLOW;
    pthread_mutex_lock(&breaker->lock);
    if (breaker->pause && (breaker->probing || now < breaker->retry_at)) {
        if (!(breaker->failed_kinds & 1u << kind)) {
            pthread_mutex_unlock(&breaker->lock);
            return BREAKER_ALLOW;
        }
        refuse(breaker, now, error);
        verdict = BREAKER_REFUSE;
    } else if (breaker->pause) {
        breaker->probing = true;
        verdict = BREAKER_PROBE;
    }
    pthread_mutex_unlock(&breaker->lock);
    return verdict;
}

void breaker_success(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->failures = 0;
    breaker->pause = 0;
    breaker->failed_kinds = 0;
    breaker->probing = false;
    pthread_mutex_unlock(&breaker->lock);
}

/* Under the lock. */
static void count_failure(struct breaker *breaker, bool probe, int64_t started, int64_t now,
                          const struct error *failure)
{
    if (breaker->pause && !probe)
        return;
    if (!probe && breaker->failures && failure->kind != ERROR_TIMEOUT &&
        started < breaker->last_failure)
        return;
    breaker->failures++;
    breaker->last_failure = now;
    breaker->last = *failure;
    if (breaker->failures < BREAKER_FAILURES)
        return;
    breaker->pause = breaker->pause ? breaker->pause * 2 : BREAKER_FIRST_PAUSE_MS;
    if (breaker->pause > BREAKER_LONGEST_PAUSE_MS)
        breaker->pause = BREAKER_LONGEST_PAUSE_MS;
    breaker->retry_at = now + breaker->pause;
    breaker->probing = false;
}

void breaker_failure(struct breaker *breaker, enum call_kind kind, bool probe, int64_t started,
                     int64_t now, const struct error *failure)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->failed_kinds |= failure->kind == ERROR_TIMEOUT ? 1u << kind : ~0u;
    count_failure(breaker, probe, started, now, failure);
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_abandon(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->probing = false;
    pthread_mutex_unlock(&breaker->lock);
}

bool breaker_is_open(const struct breaker *breaker)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&breaker->lock;
    pthread_mutex_lock(lock);
    bool open = breaker->pause != 0;
    pthread_mutex_unlock(lock);
    return open;
}
