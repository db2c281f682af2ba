/* SPDX-License-Identifier: MIT */
#include "content_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void content_id_write(char text[CONTENT_ID_SIZE], const unsigned char md5[MD5_SIZE], uint64_t size,
                      unsigned suffix)
{
    char *end = text + CONTENT_ID_SIZE;
    text += snprintf(text, CONTENT_ID_SIZE, "md5-");
    for (size_t i = 0; i < MD5_SIZE; i++)
        text += snprintf(text, (size_t)(end - text), "%02x", md5[i]);
    text += snprintf(text, (size_t)(end - text), "-%" PRIu64, size);
    if (suffix > 0)
        snprintf(text, (size_t)(end - text), ".%u", suffix);
}

void wrong_contents_init(struct wrong_contents *wrong)
{
    *wrong = (struct wrong_contents){0};
    pthread_mutex_init(&wrong->lock, NULL);
}

void wrong_contents_release(struct wrong_contents *wrong)
{
    pthread_mutex_destroy(&wrong->lock);
}

/* The place of a content, CONTENT_IDS_WRONG when it has none. Under the lock. */
static size_t place_of(const struct wrong_contents *wrong, const unsigned char md5[MD5_SIZE],
                       uint64_t size, int64_t now)
{
    for (size_t place = 0; place < CONTENT_IDS_WRONG; place++) {
        bool exhausted = wrong->items[place].suffix > CONTENT_ID_SUFFIXES;
        int64_t memory = exhausted ? CONTENT_ID_EXHAUSTED_MS : CONTENT_ID_MEMORY_MS;
        if (wrong->items[place].suffix > 0 && wrong->items[place].size == size &&
            memcmp(wrong->items[place].md5, md5, MD5_SIZE) == 0 &&
            now - wrong->items[place].noted < memory)
            return place;
    }
    return CONTENT_IDS_WRONG;
}

/* A free place, else that of the content that was noted first. Under the lock. */
static size_t new_place(const struct wrong_contents *wrong)
{
    size_t oldest = 0;
    for (size_t place = 0; place < CONTENT_IDS_WRONG; place++) {
        if (wrong->items[place].suffix == 0)
            return place;
        if (wrong->items[place].noted < wrong->items[oldest].noted)
            oldest = place;
    }
    return oldest;
}

unsigned wrong_contents_suffix(struct wrong_contents *wrong, const unsigned char md5[MD5_SIZE],
                               uint64_t size, int64_t now)
{
    pthread_mutex_lock(&wrong->lock);
    size_t place = place_of(wrong, md5, size, now);
    unsigned suffix = place < CONTENT_IDS_WRONG ? wrong->items[place].suffix : 0;
    pthread_mutex_unlock(&wrong->lock);
    return suffix;
}

unsigned wrong_contents_note(struct wrong_contents *wrong, const unsigned char md5[MD5_SIZE],
                             uint64_t size, unsigned suffix, int64_t now)
{
    pthread_mutex_lock(&wrong->lock);
    size_t place = place_of(wrong, md5, size, now);
    if (place == CONTENT_IDS_WRONG) {
        place = new_place(wrong);
        wrong->items[place].suffix = 0;
    }
    /* Who noted it before us asks under the next name already. */
    if (suffix >= wrong->items[place].suffix) {
        memcpy(wrong->items[place].md5, md5, MD5_SIZE);
        wrong->items[place].size = size;
        wrong->items[place].suffix = suffix + 1;
        wrong->items[place].noted = now;
    }
    suffix = wrong->items[place].suffix;
    pthread_mutex_unlock(&wrong->lock);
    return suffix;
}
