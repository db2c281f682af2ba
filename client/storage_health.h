/* SPDX-License-Identifier: MIT */
/* Which storage origins do not answer, so that reading goes to the W&B host at once (design 5's
 * growing time). Any thread; its lock is a leaf. Times are clock_milliseconds(). */
#ifndef CLIENT_STORAGE_HEALTH_H
#define CLIENT_STORAGE_HEALTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    STORAGE_ORIGINS = 16,
    STORAGE_FIRST_PAUSE_MS = 1000,
    STORAGE_LONGEST_PAUSE_MS = 30000,
};

struct storage_health {
    pthread_mutex_t lock;
    struct {
        char origin[200]; /* "" for none */
        int64_t pause;
        int64_t retry_at;
    } down[STORAGE_ORIGINS];
};

void storage_health_init(struct storage_health *health);
void storage_health_release(struct storage_health *health);

/* Whether the storage of this URL is to be asked. Of one that is down only the first caller after
 * its pause is told so. */
bool storage_admit(struct storage_health *health, const char *url, int64_t now);
void storage_failed(struct storage_health *health, const char *url, int64_t now);
void storage_worked(struct storage_health *health, const char *url);

#endif
