/* SPDX-License-Identifier: MIT */
#include "secrets.h"

#include "banned.h"

#include <pthread.h>

struct secret {
    struct secret *next;
    unsigned uses;
    size_t size;
    char bytes[];
};

/* One list a process: errors are made where nobody knows whose call it was. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct secret *first; /* under lock */

/* Under the lock. */
static struct secret **find(const char *bytes, size_t size)
{
    struct secret **at = &first;
    while (*at && ((*at)->size != size || memcmp((*at)->bytes, bytes, size) != 0))
        at = &(*at)->next;
    return at;
}

void secrets_remember(const char *bytes, size_t size)
{
    if (size < SECRET_LEAST)
        return;
    pthread_mutex_lock(&lock);
    struct secret **at = find(bytes, size);
    if (!*at && (*at = calloc(1, sizeof **at + size + 1)) != NULL) {
        (*at)->size = size;
        memcpy((*at)->bytes, bytes, size);
    }
    if (*at)
        (*at)->uses++;
    pthread_mutex_unlock(&lock);
}

void secrets_forget(const char *bytes, size_t size)
{
    pthread_mutex_lock(&lock);
    struct secret **at = find(bytes, size);
    struct secret *found = *at;
    if (found && --found->uses == 0) {
        *at = found->next;
        explicit_bzero(found->bytes, found->size);
        free(found);
    }
    pthread_mutex_unlock(&lock);
}

/* Stars over what equals the secret from its beginning. A text may have been cut in the middle of
 * one. */
static void hide(char *text, const struct secret *secret)
{
    enum { TELLING = 12 };
    char start[TELLING + 1];
    snprintf(start, sizeof start, "%s", secret->bytes);
    for (char *at = strstr(text, start); at; at = strstr(at, start)) {
        for (size_t i = 0; i < secret->size && at[i] == secret->bytes[i]; i++)
            at[i] = '*';
    }
    size_t length = strlen(text);
    for (size_t size = strlen(start); size >= SECRET_LEAST; size--) {
        if (size <= length && memcmp(text + length - size, start, size) == 0)
            memset(text + length - size, '*', size);
    }
}

void secrets_hide(char *text)
{
    pthread_mutex_lock(&lock);
    for (const struct secret *secret = first; secret; secret = secret->next)
        hide(text, secret);
    pthread_mutex_unlock(&lock);
}
