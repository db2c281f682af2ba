/* SPDX-License-Identifier: MIT */
#include "search.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ANSWERS = 256 };

struct search_answer {
    struct search_answer *next;
    char *organization;
    enum filter_search search;
};

void searches_init(struct searches *searches)
{
    pthread_mutex_init(&searches->lock, NULL);
}

/* Under the lock. */
static void forget_all(struct searches *searches)
{
    for (struct search_answer *answer = searches->first, *next; answer; answer = next) {
        next = answer->next;
        free(answer->organization);
        free(answer);
    }
    searches->first = NULL;
    searches->count = 0;
}

void searches_clear(struct searches *searches)
{
    pthread_mutex_lock(&searches->lock);
    forget_all(searches);
    pthread_mutex_unlock(&searches->lock);
}

void searches_release(struct searches *searches)
{
    forget_all(searches);
    pthread_mutex_destroy(&searches->lock);
}

bool searches_find(struct searches *searches, struct text entity, enum filter_search *search)
{
    pthread_mutex_lock(&searches->lock);
    const struct search_answer *answer = searches->first;
    while (answer && !text_is(entity, answer->organization))
        answer = answer->next;
    if (answer)
        *search = answer->search;
    pthread_mutex_unlock(&searches->lock);
    return answer != NULL;
}

void searches_add(struct searches *searches, struct text entity, enum filter_search search)
{
    struct search_answer *answer = calloc(1, sizeof *answer);
    char *name = strdup(text_or_empty(entity));
    if (!answer || !name) {
        free(answer);
        free(name);
        return;
    }
    answer->organization = name;
    answer->search = search;
    pthread_mutex_lock(&searches->lock);
    if (searches->count == MOST_ANSWERS)
        forget_all(searches);
    answer->next = searches->first;
    searches->first = answer;
    searches->count++;
    pthread_mutex_unlock(&searches->lock);
}
