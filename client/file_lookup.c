/* SPDX-License-Identifier: MIT */
#include "file_lookup.h"

#include "file_decode.h"
#include "file_settle.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "manifest_fetch.h"

enum file_route file_route_first(struct client *client)
{
    if (features_have(&client->features, FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILES) &&
        !atomic_load(&client->lacks_membership_files))
        return ROUTE_MEMBERSHIP;
    return atomic_load(&client->lacks_artifact_files) ? ROUTE_MANIFEST : ROUTE_ARTIFACT;
}

/* Rights to a collection and to the artifact itself differ (protocol 8.1); who has neither is not
 * shown the manifest's names. */
static bool leads_on(enum file_route route, const struct error *error)
{
    if (error->invalid_query || error->kind == ERROR_NOT_FOUND)
        return route != ROUTE_MANIFEST;
    return error->kind == ERROR_FORBIDDEN && route == ROUTE_MEMBERSHIP;
}

bool file_route_next(struct client *client, enum file_route *route, struct error *error,
                     struct error *refusal)
{
    if (error->kind == ERROR_FORBIDDEN && refusal->kind == ERROR_NONE)
        *refusal = *error;
    if (!leads_on(*route, error)) {
        if (error->kind == ERROR_NOT_FOUND && refusal->kind != ERROR_NONE)
            *error = *refusal;
        return false;
    }
    if (error->invalid_query)
        atomic_store(*route == ROUTE_MEMBERSHIP ? &client->lacks_membership_files
                                                : &client->lacks_artifact_files,
                     true);
    (*route)++;
    error_clear(error);
    return true;
}

json_t *file_membership_variables(const struct version *version)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "entity", json_from_text(version->entity), "project",
                     json_from_text(version->registry), "collection",
                     json_from_text(version->collection), "alias",
                     json_sprintf("v%lld", (long long)version->index));
}

const json_t *file_connection(const json_t *data, enum file_route route,
                              const struct version *version, struct error *error)
{
    const json_t *owner = json_at(data, "artifact", NULL);
    if (route == ROUTE_MEMBERSHIP) {
        owner = json_at(data, "project", "artifactCollection", "artifactMembership", NULL);
        struct json_reader reader = {.object = owner};
        /* An alias that looks like vN may lead to another version. */
        if (json_reader_int64(&reader, "versionIndex", -1) != version->index)
            owner = NULL;
    }
    const json_t *connection = json_at(owner, "files", NULL);
    if (!json_is_object(connection))
        error_set(error, ERROR_NOT_FOUND, "its files: not found or no access");
    return json_is_object(connection) ? connection : NULL;
}

struct manifest_hint file_manifest_hint(const json_t *data, enum file_route route,
                                        const struct version *version)
{
    const json_t *artifact =
        route == ROUTE_MEMBERSHIP
            ? json_at(data, "project", "artifactCollection", "artifactMembership", "artifact", NULL)
            : json_at(data, "artifact", NULL);
    struct manifest_hint hint = {.digest = version->digest};
    if (text_equal(json_text_of(json_at(artifact, "id", NULL)), version->id))
        hint.url = json_text_of(json_at(artifact, "currentManifest", "file", "directUrl", NULL));
    return hint;
}

static int ask(struct client *client, struct call *call, const struct version *version,
               struct text artifact, enum file_route route, struct text path, json_t **data)
{
    const char *name = route == ROUTE_MEMBERSHIP ? "ArtifactMembershipFile" : "ArtifactFile";
    json_t *variables = route == ROUTE_MEMBERSHIP
                            ? file_membership_variables(version)
                            : json_pack("{s:o}", "id", json_from_text(artifact));
    json_t *names = json_pack("[o]", json_from_text(path));
    if (!variables || json_object_set_new(variables, "names", names) != 0) {
        json_decref(variables);
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    }
    return graphql_execute(client, call, graphql_document(name), variables, data);
}

static int look_into_manifest(struct client *client, struct call *call,
                              const struct version *version, struct text artifact, struct text path,
                              struct artifact_file **file)
{
    cleanup_manifest struct manifest *manifest = NULL;
    if (manifest_get(client, call, artifact, version, NULL, &manifest) != 0)
        return -1;
    *file = object_ref(manifest_find(manifest, path));
    return 0;
}

static int settle(struct client *client, struct call *call, const struct version *version,
                  struct text artifact, struct artifact_file **file)
{
    cleanup_manifest struct manifest *manifest = NULL;
    if (!*file || (*file)->stored)
        return 0;
    if (manifest_get(client, call, artifact, version, NULL, &manifest) != 0)
        return -1;
    return file_settle(manifest, file, call->error);
}

int file_lookup(struct client *client, struct call *call, const struct version *version,
                struct text artifact, enum file_route route, struct text path,
                struct artifact_file **file)
{
    cleanup_json json_t *data = NULL;
    const json_t *edge;
    size_t index;
    *file = NULL;
    if (route == ROUTE_MANIFEST)
        return look_into_manifest(client, call, version, artifact, path, file);
    if (ask(client, call, version, artifact, route, path, &data) != 0)
        return -1;
    const json_t *connection = file_connection(data, route, version, call->error);
    if (!connection)
        return -1;
    json_array_foreach(json_at(connection, "edges", NULL), index, edge)
    {
        cleanup_object struct artifact_file *found = NULL;
        const json_t *node = json_at(edge, "node", NULL);
        if (!json_is_object(node))
            continue;
        if (file_decode(client, version, node, call->error, &found) != 0)
            return -1;
        if (found && text_equal(found->path, path)) {
            int result = settle(client, call, version, artifact, &found);
            if (result == 0)
                *file = steal(found);
            return result;
        }
    }
    return 0;
}

int client_get_file(struct client *client, struct call *call, const struct version *version,
                    struct text path, struct artifact_file **file)
{
    struct artifact_file *found = NULL;
    enum file_route route = file_route_first(client);
    struct error refusal = {0};
    while (file_lookup(client, call, version, version->id, route, path, &found) != 0) {
        if (!file_route_next(client, &route, call->error, &refusal))
            return -1;
    }
    if (!found)
        return error_set(call->error, ERROR_NOT_FOUND, "file %.300s: not found",
                         text_or_empty(path));
    *file = found;
    return 0;
}
