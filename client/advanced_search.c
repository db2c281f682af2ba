/* SPDX-License-Identifier: MIT */
/* Whether an organization has the advanced search for versions (protocol 5.6, 7): asked once. */
#include "client.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"

bool client_knows_search(struct client *client, const struct organization *organization,
                         enum filter_search *search)
{
    *search = FILTER_BASIC;
    return !features_have(&client->features, FEATURE_ARTIFACT_COLLECTIONS_FILTERING_SORTING) ||
           searches_find(&client->searches, organization->entity, search);
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
    searches_add(&client->searches, organization->entity, *search);
    return 0;
}
