/* SPDX-License-Identifier: MIT */
#include "storage_health.h"

#include "base/cleanup.h"
#include "base_url.h"

#include <stdio.h>
#include <string.h>

void storage_health_init(struct storage_health *health)
{
    *health = (struct storage_health){0};
    pthread_mutex_init(&health->lock, NULL);
}

void storage_health_release(struct storage_health *health)
{
    pthread_mutex_destroy(&health->lock);
}

/* The place of an origin, STORAGE_ORIGINS when it has none. Under the lock. */
static size_t place_of(const struct storage_health *health, const char *origin)
{
    size_t place = 0;
    while (place < STORAGE_ORIGINS && strcmp(health->down[place].origin, origin) != 0)
        place++;
    return place;
}

/* The place for an origin that is new: a free one, else that of the one that may be asked soonest.
 */
static size_t new_place(struct storage_health *health, const char *origin)
{
    size_t place = 0;
    for (size_t i = 1; i < STORAGE_ORIGINS; i++) {
        if (health->down[i].retry_at < health->down[place].retry_at)
            place = i;
    }
    snprintf(health->down[place].origin, sizeof health->down[place].origin, "%s", origin);
    health->down[place].pause = 0;
    return place;
}

bool storage_admit(struct storage_health *health, const char *url, int64_t now)
{
    char origin[200];
    url_origin(url, origin, sizeof origin);
    pthread_mutex_lock(&health->lock);
    size_t place = place_of(health, origin);
    bool admitted = place == STORAGE_ORIGINS || now >= health->down[place].retry_at;
    if (place < STORAGE_ORIGINS && admitted)
        health->down[place].retry_at = now + health->down[place].pause;
    pthread_mutex_unlock(&health->lock);
    return admitted;
}

void storage_failed(struct storage_health *health, const char *url, int64_t now)
{
    char origin[200];
    url_origin(url, origin, sizeof origin);
    pthread_mutex_lock(&health->lock);
    size_t place = place_of(health, origin);
    if (place == STORAGE_ORIGINS)
        place = new_place(health, origin);
    int64_t pause = health->down[place].pause * 2;
    if (pause < STORAGE_FIRST_PAUSE_MS)
        pause = STORAGE_FIRST_PAUSE_MS;
    health->down[place].pause = pause < STORAGE_LONGEST_PAUSE_MS ? pause : STORAGE_LONGEST_PAUSE_MS;
    health->down[place].retry_at = now + health->down[place].pause;
    pthread_mutex_unlock(&health->lock);
}

void storage_worked(struct storage_health *health, const char *url)
{
    char origin[200];
    url_origin(url, origin, sizeof origin);
    pthread_mutex_lock(&health->lock);
    size_t place = place_of(health, origin);
    if (place < STORAGE_ORIGINS)
        memset(&health->down[place], 0, sizeof health->down[place]);
    pthread_mutex_unlock(&health->lock);
}
