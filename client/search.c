/* SPDX-License-Identifier: MIT */
#include "search.h"

#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"

enum { MOST_ANSWERS = 256 };

struct search_answer {
    struct search_answer *next;
    char *organization;
    enum filter_search search;
};

void searches_init(struct searches *searches)
{
    pthread_mutex_init(&searches->lock, NULL);
}

/* Under the lock. */
static void forget_all(struct searches *searches)
{
    for (struct search_answer *answer = searches->first, *next; answer; answer = next) {
        next = answer->next;
        free(answer->organization);
        free(answer);
    }
    searches->first = NULL;
    searches->count = 0;
}

void searches_clear(struct searches *searches)
{
    pthread_mutex_lock(&searches->lock);
    forget_all(searches);
    pthread_mutex_unlock(&searches->lock);
}

void searches_release(struct searches *searches)
{
    forget_all(searches);
    pthread_mutex_destroy(&searches->lock);
}

bool client_knows_search(struct client *client, const struct organization *organization,
                         enum filter_search *search)
{
    *search = FILTER_BASIC;
    if (!features_have(client, FEATURE_ARTIFACT_COLLECTIONS_FILTERING_SORTING))
        return true;
    pthread_mutex_lock(&client->searches.lock);
    const struct search_answer *answer = client->searches.first;
    while (answer && !text_is(organization->entity, answer->organization))
        answer = answer->next;
    if (answer)
        *search = answer->search;
    pthread_mutex_unlock(&client->searches.lock);
    return answer != NULL;
}

static void remember(struct searches *searches, const struct organization *organization,
                     enum filter_search search)
{
    struct search_answer *answer = calloc(1, sizeof *answer);
    char *name = strdup(text_or_empty(organization->entity));
    if (!answer || !name) {
        free(answer);
        free(name);
        return;
    }
    answer->organization = name;
    answer->search = search;
    pthread_mutex_lock(&searches->lock);
    if (searches->count == MOST_ANSWERS)
        forget_all(searches);
    answer->next = searches->first;
    searches->first = answer;
    searches->count++;
    pthread_mutex_unlock(&searches->lock);
}

/* Whether the listing itself would fail of the same: then there is nothing to decide. */
static bool is_in_the_way(enum error_kind kind)
{
    return kind == ERROR_INTERRUPTED || kind == ERROR_TIMEOUT || kind == ERROR_UNREACHABLE ||
           kind == ERROR_UNAUTHENTICATED || kind == ERROR_LOCAL;
}

int client_find_search(struct client *client, struct call *call,
                       const struct organization *organization, enum filter_search *search)
{
    if (client_knows_search(client, organization, search))
        return 0;
    cleanup_json json_t *data = NULL;
    json_t *variables = json_pack("{s:o}", "organization", json_from_text(organization->name));
    if (graphql_execute(client, call, graphql_document("FetchAdvancedRegistryFeatures"), variables,
                        &data) != 0) {
        if (is_in_the_way(call->error->kind))
            return -1;
        /* A server in trouble may answer better the next time. */
        bool passing =
            !call->error->refused || call->error->status >= 500 || call->error->kind == ERROR_BUSY;
        error_clear(call->error);
        *search = FILTER_BASIC;
        if (passing)
            return 0;
    }
    const json_t *answer =
        json_at(data, "organization", "advancedRegistryFeatures", "advancedSearch", NULL);
    *search = json_is_true(answer) ? FILTER_ADVANCED : FILTER_BASIC;
    remember(&client->searches, organization, *search);
    return 0;
}
