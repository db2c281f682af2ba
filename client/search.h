/* SPDX-License-Identifier: MIT */
/* Which organizations have the advanced search for versions (protocol 5.6, 7): asked once each,
 * any thread. */
#ifndef CLIENT_SEARCH_H
#define CLIENT_SEARCH_H

#include "filter.h"

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

#endif
