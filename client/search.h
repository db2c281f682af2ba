/* SPDX-License-Identifier: MIT */
/* What organizations have answered when asked for the advanced search for versions (protocol 5.6,
 * 7). Any thread; the lock is a leaf. */
#ifndef CLIENT_SEARCH_H
#define CLIENT_SEARCH_H

#include "base/object.h"
#include "filter_level.h"

#include <pthread.h>

struct search_answer;

/* Part of struct client. */
struct searches {
    pthread_mutex_t lock;
    struct search_answer *first; /* under lock */
    unsigned count;              /* under lock */
};

void searches_init(struct searches *searches);
/* Forgets the answers. */
void searches_clear(struct searches *searches);
void searches_release(struct searches *searches);

/* False: the organization of this entity has not answered yet. */
bool searches_find(struct searches *searches, struct text entity, enum filter_search *search);
/* Without memory it is asked again. */
void searches_add(struct searches *searches, struct text entity, enum filter_search search);

#endif
