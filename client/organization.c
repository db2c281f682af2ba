/* SPDX-License-Identifier: MIT */
/* Who the key belongs to, and which organizations that user sees (protocol 3). */
#include "client.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"
#include "viewer.h"

#define AT(type, member) (int)offsetof(struct type, member)

static const struct object_layout viewer_layout = {
    .size = sizeof(struct viewer),
    .texts = (const int[]){AT(viewer, username), AT(viewer, entity), -1},
    .text_lists = (const int[]){AT(viewer, teams), -1},
};

static const struct object_layout organization_layout = {
    .size = sizeof(struct organization),
    .texts = (const int[]){AT(organization, name), AT(organization, entity), -1},
    .text_lists = (const int[]){-1},
};

static int decode_viewer(const json_t *json, struct error *error, struct viewer **viewer)
{
    cleanup_text_list struct text_list teams = {0};
    struct json_reader reader = {.object = json};
    struct viewer borrowed = {.username = json_reader_text(&reader, "username"),
                              .entity = json_reader_text(&reader, "entity")};
    bool fits = text_list_add_nodes(&teams, json_reader_object(&reader, "teams"), "name");
    borrowed.teams = text_list_texts(&teams);
    *viewer = fits ? object_pack(&borrowed, &viewer_layout) : NULL;
    return *viewer ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

static int unknown_key(struct error *error)
{
    return error_set(error, ERROR_UNAUTHENTICATED,
                     "the server does not know the API key; check WANDB_API_KEY, netrc or "
                     "--api-key-file and that the base URL is that of the key's server");
}

/* Asks who we are. An answer of errors that names the viewer all the same is good enough for the
 * check (protocol 2.2), which is its only exception. */
static int ask_viewer(struct client *client, struct call *call, bool errors_allowed, json_t **data)
{
    cleanup_json json_t *answer = NULL;
    int result = graphql_execute_partial(client, call, graphql_document("GetViewer"), json_object(),
                                         &answer);
    const json_t *viewer = json_at(answer, "viewer", NULL);
    if (result != 0 && !(errors_allowed && json_is_object(viewer)))
        return -1;
    if (result != 0) {
        client_log(client, CLIENT_LOG_WARNING, "GetViewer: %s", call->error->message);
        error_clear(call->error);
    }
    if (!json_is_object(viewer))
        return unknown_key(call->error);
    *data = steal(answer);
    return 0;
}

int viewer_take(struct client *client, const json_t *data, struct error *error,
                struct viewer **viewer)
{
    const json_t *json = json_at(data, "viewer", NULL);
    if (!json_is_object(json))
        return unknown_key(error);
    features_update(&client->features, json_at(data, "serverInfo", NULL));
    return decode_viewer(json, error, viewer);
}

int client_check(struct client *client, struct call *call, struct viewer **viewer)
{
    cleanup_json json_t *data = NULL;
    struct call whole = *call;
    whole.deadline = call_deadline(client, call);
    if (ask_viewer(client, &whole, true, &data) != 0)
        return -1;
    return viewer_take(client, data, call->error, viewer);
}

/* The one of this name or org entity that is there already: the chain meets most of them twice. */
static const struct organization *known(const struct object_list *found,
                                        const struct organization *wanted)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct organization *organization = found->items[i];
        if (text_equal(organization->entity, wanted->entity) ||
            text_equal(organization->name, wanted->name))
            return organization;
    }
    return NULL;
}

static int add_organization(struct client *client, const json_t *json, struct object_list *found,
                            struct error *error)
{
    struct json_reader reader = {.object = json};
    struct organization borrowed = {
        .name = json_reader_text(&reader, "name"),
        .entity = json_text_of(json_at(json_reader_object(&reader, "orgEntity"), "name", NULL)),
    };
    if (borrowed.entity.size == 0)
        return 0;
    if (borrowed.name.size == 0) {
        client_report(client, ERROR_SERVER, "list organizations", borrowed.entity.bytes,
                      "an organization without a name is passed over");
        return 0;
    }
    const struct organization *twin = known(found, &borrowed);
    if (!twin)
        return found_add(found, object_pack(&borrowed, &organization_layout), error);
    if (!text_equal(twin->entity, borrowed.entity))
        client_report(client, ERROR_SERVER, "list organizations", borrowed.name.bytes,
                      "a second organization of this name (entity %s) is passed over",
                      borrowed.entity.bytes);
    return 0;
}

/* What one entity tells: a person's organizations, or the one of a team (protocol 3.2). *complete
 * becomes true for a person, whose list holds all. */
static int add_of_entity(struct client *client, const json_t *entity, struct object_list *found,
                         struct error *error, bool *complete)
{
    const json_t *user = json_at(entity, "user", NULL);
    const json_t *item;
    size_t index;
    *complete |= json_is_object(user);
    json_array_foreach(json_at(user, "organizations", NULL), index, item)
    {
        if (add_organization(client, item, found, error) != 0)
            return -1;
    }
    return add_organization(client, json_at(entity, "organization", NULL), found, error);
}

static int add_of_teams(struct client *client, const json_t *viewer, struct object_list *found,
                        struct error *error)
{
    const json_t *edge;
    size_t index;
    json_array_foreach(json_at(viewer, "teams", "edges", NULL), index, edge)
    {
        const json_t *organization = json_at(edge, "node", "organization", NULL);
        if (add_organization(client, organization, found, error) != 0)
            return -1;
    }
    return 0;
}

/* The default entity and the one that is named like the user, in one request. No entity need be
 * named like the user, and some servers call that an error: then the default one is asked alone. */
static int ask_entities(struct client *client, struct call *call, struct text entity,
                        struct text username, json_t **data)
{
    const struct graphql_document *document = graphql_document("FetchOrgInfoFromEntity");
    for (bool different = !text_equal(entity, username);; different = false) {
        json_t *variables = json_pack("{s:o, s:o, s:b}", "entity", json_from_text(entity),
                                      "username", json_from_text(username), "different", different);
        int result = graphql_execute(client, call, document, variables, data);
        if (result == 0 || !different || !call->error->refused)
            return result;
        error_clear(call->error);
    }
}

/* The first two steps of the chain; *complete: the third has nothing to add. */
static int add_of_entities(struct client *client, struct call *call, struct text entity,
                           struct text username, struct object_list *found, bool *complete)
{
    cleanup_json json_t *data = NULL;
    if (entity.size == 0)
        entity = username;
    if (username.size == 0)
        username = entity;
    if (entity.size > 0 && ask_entities(client, call, entity, username, &data) != 0)
        return -1;
    if (add_of_entity(client, json_at(data, "default", NULL), found, call->error, complete) != 0)
        return -1;
    if (*complete)
        return 0;
    return add_of_entity(client, json_at(data, "personal", NULL), found, call->error, complete);
}

int client_list_organizations(struct client *client, struct call *call,
                              const struct viewer *known_viewer, struct object_list *found)
{
    cleanup_json json_t *data = NULL;
    cleanup_object struct viewer *asked = NULL;
    struct call whole = *call;
    bool complete = false;
    whole.deadline = call_deadline(client, call);
    if (!known_viewer && (ask_viewer(client, &whole, false, &data) != 0 ||
                          decode_viewer(json_at(data, "viewer", NULL), call->error, &asked) != 0))
        return -1;
    const struct viewer *viewer = known_viewer ? known_viewer : asked;
    if (add_of_entities(client, &whole, viewer->entity, viewer->username, found, &complete) != 0)
        return -1;
    if (complete)
        return 0;
    if (!data && ask_viewer(client, &whole, false, &data) != 0)
        return -1;
    return add_of_teams(client, json_at(data, "viewer", NULL), found, call->error);
}

int client_get_organization(struct client *client, struct call *call, struct text name,
                            struct organization **organization)
{
    cleanup_json json_t *data = NULL;
    cleanup_object_list struct object_list found = {0};
    json_t *variables = json_pack("{s:o}", "name", json_from_text(name));
    if (graphql_execute(client, call, graphql_document("FetchOrganization"), variables, &data) != 0)
        return -1;
    if (add_organization(client, json_at(data, "organization", NULL), &found, call->error) != 0)
        return -1;
    /* A server that ignores case must not give one organization two names. */
    struct organization *only = found.count ? found.items[0] : NULL;
    if (!only || !text_equal(only->name, name))
        return error_set(call->error, ERROR_NOT_FOUND, "organization %s: not found or no access",
                         text_or_empty(name));
    *organization = object_ref(only);
    return 0;
}
