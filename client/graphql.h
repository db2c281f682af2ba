/* SPDX-License-Identifier: MIT */
/* A GraphQL operation: document and variables in, `data` or a typed error out (protocol 1.1, 2). */
#ifndef CLIENT_GRAPHQL_H
#define CLIENT_GRAPHQL_H

#include "call.h"
#include "documents.h"

#include <jansson.h>

/*
 * Executes. Steals `variables`. 0: *data is the non-null `data` object of an answer without errors,
 * to be json_decref'ed. -1: call->error; with error->invalid_query when validation refused the
 * document ("Cannot query field …", protocol 2.4), and with error->refused when the answer held
 * `errors`. A query that was refused for optional fields alone is sent again without them; what the
 * server does not know is remembered for the client's life.
 */
int graphql_execute(struct client *client, struct call *call,
                    const struct graphql_document *document, json_t *variables, json_t **data);

/* The same, but an answer of `errors` leaves the `data` it came with in *data (NULL: none). */
int graphql_execute_partial(struct client *client, struct call *call,
                            const struct graphql_document *document, json_t *variables,
                            json_t **data);

#endif
