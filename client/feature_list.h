/* SPDX-License-Identifier: MIT */
/* What the server can do: its feature list (protocol 5.6) and the fields that it turned out not to
 * know (protocol 2.4). Any thread, without a lock. */
#ifndef CLIENT_FEATURE_LIST_H
#define CLIENT_FEATURE_LIST_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum feature {
    FEATURE_ARTIFACT_REGISTRY_SEARCH,
    FEATURE_INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION,
    FEATURE_ARTIFACT_TAGS,
    FEATURE_PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP,
    FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILES,
    FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER,
    FEATURE_ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID,
    FEATURE_TOTAL_COUNT_IN_FILE_CONNECTION,
    FEATURE_ARTIFACT_COLLECTIONS_FILTERING_SORTING,
    FEATURE_COUNT
};

/* Part of struct client; zeros: nothing is known. */
struct features {
    atomic_uint enabled;             /* bit i: enum feature i, the server says it is on */
    atomic_uint off;                 /* likewise, it says it is off */
    _Atomic uint64_t disabled_words; /* optional words that are features the server has not */
    _Atomic uint64_t missing_words;  /* optional words that validation refused */
};

/* Takes over `serverInfo` of an answer; NULL or without a list: a server without features. */
void features_update(struct features *features, const json_t *server_info);

/* Of a feature that newer servers no longer report (protocol 5.6): whether it is worth a try, that
 * is unless the server says that it is off. Of the others: whether the server says that it is on;
 * false also while nothing is known. */
bool features_have(const struct features *features, enum feature feature);

/* Whether the server says that the feature is on, or that it is off. */
bool features_report(const struct features *features, enum feature feature);

/* As the server's list has it. */
const char *feature_name(enum feature feature);

/* The optional words (documents.h) to leave out of every document. */
uint64_t features_missing_words(const struct features *features);
void features_add_missing_words(struct features *features, uint64_t words);

#endif
