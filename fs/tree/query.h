/* SPDX-License-Identifier: MIT */
/*
 * Queries: names that start with `@` in an organization, in a registry's
 * collections/ and versions/, and inside of their results (design 2, Filters).
 * A query's directory is never listed, always resolvable, and holds symlinks to
 * what the server's filter chooses. It is made by a lookup, from memory where
 * that can be; looking into it asks the server. All functions need nodes->lock.
 */
#ifndef FS_QUERY_H
#define FS_QUERY_H

#include "ready.h"

enum { QUERY_NAME_LIMIT = 1024 }; /* bytes; the kernel passes no longer names to us */

/* Whether names with `@` in this directory are queries. */
bool query_is_asked(struct place directory, const char *name);

/* The object of that name if there is one, else the query. EINVAL for a filter that is malformed or
 * cannot be asked here; the reason is in the journal. */
enum readiness query_find(struct request *request, struct place directory, const char *name,
                          struct node **entry, int *error_number);

#endif
