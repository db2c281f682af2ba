/* SPDX-License-Identifier: MIT */
#include "server_features.h"

#include "graphql.h"
#include "internal.h"
#include "json_text.h"

static int ask(struct client *client, struct call *call)
{
    cleanup_json json_t *data = NULL;
    if (graphql_execute(client, call, graphql_document("ServerFeaturesQuery"), json_object(),
                        &data) != 0) {
        if (!call->error->invalid_query)
            return -1;
        error_clear(call->error);
    }
    features_update(&client->features, json_object_get(data, "serverInfo"));
    return 0;
}

int features_require(struct client *client, struct call *call, enum feature feature)
{
    if (features_have(&client->features, feature))
        return 0;
    if (ask(client, call) != 0)
        return error_wrap(call->error, "cannot ask for the server's features");
    if (features_have(&client->features, feature))
        return 0;
    return error_set(call->error, ERROR_NOT_PERMITTED,
                     "this server cannot do that: it lacks the feature %s; upgrade the server",
                     feature_name(feature));
}
