/* SPDX-License-Identifier: MIT */
/* Finds people and teams by their exact names (protocol 5.9). */
#include "client.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"

/* Whether it is who was asked for; then *found, NULL for no memory. */
static bool take(const json_t *who, const char *name_member, struct text name, bool is_team,
                 struct registry_member **found)
{
    const struct registry_member borrowed = {
        .id = json_text_of(json_at(who, "id", NULL)),
        .name = json_text_of(json_at(who, name_member, NULL)),
        .is_team = is_team,
    };
    if (borrowed.id.size == 0 || !text_equal(borrowed.name, name))
        return false;
    *found = registry_member_new(&borrowed);
    return true;
}

static int outcome(struct call *call, const struct registry_member *found)
{
    return found ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

static int find_team(struct client *client, struct call *call, struct text name,
                     struct registry_member **found)
{
    cleanup_json json_t *data = NULL;
    json_t *variables = json_pack("{s:o}", "name", json_from_text(name));
    if (graphql_execute(client, call, graphql_document("GetTeamEntity"), variables, &data) != 0)
        return -1;
    const json_t *entity = json_at(data, "entity", NULL);
    if (json_is_true(json_at(entity, "isTeam", NULL)) &&
        !text_is(json_text_of(json_at(entity, "entityType", NULL)), "organization") &&
        take(entity, "name", name, true, found))
        return outcome(call, *found);
    return error_set(call->error, ERROR_NOT_FOUND, "there is no team %s", text_or_empty(name));
}

/* 1: *found; 0: not among them; -1: the error is set. */
static int find_in_list(struct call *call, const json_t *list, bool edges, struct text name,
                        struct registry_member **found)
{
    const json_t *entry;
    size_t index;
    json_array_foreach(list, index, entry)
    {
        const json_t *who = edges ? json_at(entry, "node", NULL) : entry;
        if (take(who, "username", name, false, found))
            return outcome(call, *found) == 0 ? 1 : -1;
    }
    return 0;
}

/* As find_in_list. *searches: the server lets the viewer search, since he finds himself. */
static int search(struct client *client, struct call *call, const struct viewer *viewer,
                  struct text name, bool *searches, struct registry_member **found)
{
    cleanup_json json_t *data = NULL;
    json_t *variables = json_pack("{s:o, s:o}", "query", json_from_text(name), "self",
                                  json_from_text(viewer->username));
    *searches = false;
    if (graphql_execute(client, call, graphql_document("SearchUsers"), variables, &data) != 0) {
        if (call->error->kind != ERROR_FORBIDDEN && !call->error->refused)
            return -1;
        error_clear(call->error);
        return 0;
    }
    const json_t *self = json_at(data, "self", "edges", NULL);
    *searches = json_array_size(self) > 0;
    return find_in_list(call, json_at(data, "users", "edges", NULL), true, name, found);
}

static int find_in_team(struct client *client, struct call *call, struct text team,
                        struct text name, struct registry_member **found)
{
    cleanup_json json_t *data = NULL;
    json_t *variables = json_pack("{s:o}", "name", json_from_text(team));
    if (graphql_execute(client, call, graphql_document("TeamMembers"), variables, &data) != 0)
        return -1;
    return find_in_list(call, json_at(data, "entity", "members", NULL), false, name, found);
}

int client_find_member(struct client *client, struct call *call, const struct viewer *viewer,
                       struct text name, bool is_team, struct registry_member **found)
{
    bool searches;
    *found = NULL;
    if (is_team)
        return find_team(client, call, name, found);
    int result = search(client, call, viewer, name, &searches, found);
    for (size_t i = 0; result == 0 && !searches && i < viewer->teams.count; i++)
        result = find_in_team(client, call, viewer->teams.items[i], name, found);
    if (result != 0)
        return result > 0 ? 0 : -1;
    return searches ? error_set(call->error, ERROR_NOT_FOUND, "there is nobody called %s",
                                text_or_empty(name))
                    : error_set(call->error, ERROR_FORBIDDEN,
                                "the server does not let you search for people, and %s is in no "
                                "team of yours and in no registry that was looked at",
                                text_or_empty(name));
}
