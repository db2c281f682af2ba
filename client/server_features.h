/* SPDX-License-Identifier: MIT */
/* What the server can do: its feature list (protocol 5.6) and the fields that it turned out not to
 * know (protocol 2.4). Asked once a process; any thread. */
#ifndef CLIENT_SERVER_FEATURES_H
#define CLIENT_SERVER_FEATURES_H

#include "client.h"

#include <jansson.h>

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
void features_update(struct client *client, const json_t *server_info);

/* Of a feature that newer servers no longer report (protocol 5.6): whether it is worth a try, that
 * is unless the server says that it is off. Of the others: whether the server says that it is on;
 * false also while nothing is known. */
bool features_have(struct client *client, enum feature feature);

/* Whether the server says that the feature is on, or that it is off. */
bool features_report(struct client *client, enum feature feature);

/* 0 when the server has the feature; the list is asked for again before that is denied, since a
 * server can be upgraded. -1: ERROR_NOT_PERMITTED, or the request failed. */
int features_require(struct client *client, struct call *call, enum feature feature);

/* The optional words (documents.h) to leave out of every document. */
uint64_t features_missing_words(struct client *client);
void features_add_missing_words(struct client *client, uint64_t words);

#endif
