/* SPDX-License-Identifier: MIT */
/* One page of a connection (protocol 5.1, 5.7, 5.8): null nodes, pages that authorization emptied,
 * cursors that repeat. */
#ifndef CLIENT_PAGING_H
#define CLIENT_PAGING_H

#include "client.h"

#include <jansson.h>

enum {
    PAGE_ENTRIES = 100,      /* protocol 9: the page of registries, collections, versions */
    EMPTY_PAGES_MOST = 1000, /* one after another, before they are taken for a fault */
};

/* What is listed and what becomes of each node. */
struct listing {
    struct client *client;
    struct call *call;
    const struct scope *scope;
    const char *document;
    const char *connection; /* the member of orgEntity that holds it */
    /* Appends what is shown of a node to the list. 0, or -1 with the call's error set; what is
     * passed over is a success. */
    int (*decode)(const struct listing *listing, const json_t *node, struct object_list *found);
};

/* Fetches pages until one shows something or is the last. Steals `variables`, to which the cursor
 * is added. */
int listing_fetch(const struct listing *listing, json_t *variables, struct page *page,
                  struct object_list *found);

/* Takes a page that has come in an answer: what is shown of it is appended, and the page moves on.
 */
int listing_take_page(const struct listing *listing, const json_t *data, struct page *page,
                      struct object_list *found);

/* Moves the page on by the pageInfo of a connection. -1: ERROR_SERVER, the cursor repeats or is
 * missing. */
int page_advance(struct page *page, const json_t *connection, struct error *error);

/* Appends; -1 and ERROR_LOCAL without memory. Steals the object, which may be NULL for no memory.
 */
int found_add(struct object_list *found, void *object, struct error *error);

#endif
