/* SPDX-License-Identifier: MIT */
/* Judges an answer to a GraphQL request (protocol 2.2, 2.3; design 5). Pure. */
#ifndef CLIENT_GRAPHQL_ANSWER_H
#define CLIENT_GRAPHQL_ANSWER_H

#include "base/error.h"
#include "documents.h"
#include "http_message.h"

#include <jansson.h>

struct graphql_judgement {
    json_t *data;           /* owned: the answer's `data`, also beside errors; NULL when null */
    uint64_t refused_words; /* optional words (documents.h) that validation does not know */
};

/* 0: a good answer; -1: the error is set. The body of the response is changed; it and what is made
 * of it take at most `memory` bytes. */
int graphql_judge(const struct graphql_document *document, struct http_response *response,
                  size_t memory, struct error *error, struct graphql_judgement *judgement);

#endif
