/* SPDX-License-Identifier: MIT */
/* A GraphQL operation: document and variables in, `data` or a typed error out (protocol 1.1, 2). */
#ifndef CLIENT_GRAPHQL_H
#define CLIENT_GRAPHQL_H

#include "client.h"

#include <jansson.h>

/* A document from queries/, embedded at build time; `name` is its operation's and file's name. */
struct graphql_document {
    const char *name;
    const char *text;
    bool mutation;
};

/* Finds an embedded document; the names are known at build time, so it is always there. */
const struct graphql_document *graphql_document(const char *name);

/*
 * Executes. Steals `variables`. 0: *data is the non-null `data` object of an answer without errors,
 * to be json_decref'ed. -1: call->error; with error->invalid_query when validation refused the
 * document ("Cannot query field …", protocol 2.4).
 */
int graphql_execute(struct client *client, struct call *call,
                    const struct graphql_document *document, json_t *variables, json_t **data);

#endif
