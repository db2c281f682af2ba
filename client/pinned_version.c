/* SPDX-License-Identifier: MIT */
/* All that a mount of one version needs, in one document (protocol 3.1, 5.8, 8.1). */
#include "file_lookup.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "version.h"
#include "viewer.h"

enum { PINNED_FILES = 1000 }; /* as many as a page of files has */

int client_open_version(struct client *client, struct call *call, const struct registry *registry,
                        struct text collection, struct text number, struct viewer **viewer,
                        struct version **version, struct object_list *files)
{
    cleanup_json json_t *data = NULL;
    cleanup_object struct viewer *who = NULL;
    json_t *variables =
        json_pack("{s:o, s:o, s:o, s:i}", "entity", json_from_text(registry->entity), "project",
                  json_from_text(registry->full_name), "name",
                  version_joined_name(collection, number), "files", PINNED_FILES);
    if (graphql_execute(client, call, graphql_document("PinnedVersion"), variables, &data) != 0 ||
        viewer_take(client, data, call->error, &who) != 0)
        return -1;
    const json_t *project = json_at(data, "project", NULL);
    const json_t *node = json_at(project, "artifactCollectionMembership", NULL);
    struct organization organization = {
        .name = json_text_of(json_at(project, "entity", "organization", "name", NULL)),
        .entity = registry->entity,
    };
    if (organization.name.size == 0)
        organization.name = registry->entity;
    const struct version_question question = {&organization, registry, collection, number};
    if (version_read_answer(client, &question, node, call->error, version, files) != 0)
        return -1;
    *viewer = steal(who);
    return 0;
}
