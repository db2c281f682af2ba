/* SPDX-License-Identifier: MIT */
/* The embedded documents and what can be left out of them for older servers (queries/embed.py). */
#ifndef CLIENT_DOCUMENTS_H
#define CLIENT_DOCUMENTS_H

#include "base/buf.h"

#include <stdint.h>

/* Bytes start … end - 1 of a document's text; an array of them is ordered by start and ends with
 * words 0. Parts may lie inside of each other. */
struct graphql_optional {
    uint64_t words; /* left out when the server lacks any of them */
    size_t start;
    size_t end;
};

/* What sets of words are made of: word i is bit i. Ends with NULL. A word is the name of a field
 * (Type.field), of an argument (Type.field.argument) or of a server feature (no dot). */
extern const char *const graphql_optional_words[];

/* A document from queries/, embedded at build time; `name` is its operation's and file's name. */
struct graphql_document {
    const char *name;
    const char *text;
    bool mutation;
    const struct graphql_optional
        *optional; /* what an older server can do without; NULL: nothing */
};
extern const struct graphql_document graphql_documents[];

/* Finds an embedded document; the names are known at build time, so it is always there. */
const struct graphql_document *graphql_document(const char *name);

/* The words of a validation error such as `Cannot query field "f" on type "T".` (protocol 2.4). */
uint64_t documents_words_refused(const char *message);
/* The words that are server features which are off. */
uint64_t documents_words_disabled(bool (*is_off)(const void *context, const char *feature),
                                  const void *context);
/* All optional words of a document. */
uint64_t document_words(const struct graphql_document *document);
/* Appends the document's text without the parts that need one of the missing words. */
bool document_write(const struct graphql_document *document, uint64_t missing, struct buf *text);

#endif
