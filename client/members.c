/* SPDX-License-Identifier: MIT */
/* Reads who may do what in a registry (protocol 5.9). Fields that hold keys are never selected. */
#include "client.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"

#define AT(member) (int)offsetof(struct registry_member, member)

static const struct object_layout layout = {
    .size = sizeof(struct registry_member),
    .texts = (const int[]){AT(id), AT(name), AT(role), -1},
    .text_lists = (const int[]){-1},
};

struct registry_member *registry_member_new(const struct registry_member *borrowed)
{
    return object_pack(borrowed, &layout);
}

struct registry_member *member_lists_find(const struct member_lists *lists,
                                          const struct registry_member *wanted)
{
    for (size_t i = 0; i < lists->found.count; i++) {
        const struct registry_member *one = lists->found.items[i];
        if (one->is_team == wanted->is_team && text_equal(one->id, wanted->id))
            return object_ref(one);
    }
    return NULL;
}

/* A person's name, else the address; of a team the name. */
static struct text name_of(const json_t *who, bool is_team)
{
    struct text name = json_text_of(json_at(who, is_team ? "name" : "username", NULL));
    return name.size == 0 && !is_team ? json_text_of(json_at(who, "email", NULL)) : name;
}

/* Takes one of the two lists; one that the server does not know has no members. */
static int take_list(struct client *client, struct call *call, const struct registry *registry,
                     const json_t *list, bool is_team, struct object_list *found)
{
    const json_t *entry;
    size_t index;
    if (!json_is_array(list))
        return error_set(call->error, ERROR_SERVER, "the server's members are not a list");
    json_array_foreach(list, index, entry)
    {
        const json_t *who = is_team ? json_at(entry, "team", NULL) : entry;
        const struct registry_member borrowed = {
            .id = json_text_of(json_at(who, "id", NULL)),
            .name = name_of(who, is_team),
            .role = json_text_of(json_at(entry, "role", "name", NULL)),
            .is_team = is_team,
        };
        if (borrowed.name.size == 0 || borrowed.id.size == 0) {
            client_report(client, ERROR_SERVER, "list members", text_or_empty(registry->name),
                          "a %s without a name is passed over", is_team ? "team" : "person");
            continue;
        }
        struct registry_member *member = registry_member_new(&borrowed);
        if (!member)
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        if (found_add(found, member, call->error) != 0)
            return -1;
    }
    return 0;
}

int client_list_members(struct client *client, struct call *call, const struct registry *registry,
                        struct member_lists *lists)
{
    cleanup_json json_t *data = NULL;
    json_t *variables = json_pack("{s:o, s:o}", "project", json_from_text(registry->full_name),
                                  "entity", json_from_text(registry->entity));
    if (graphql_execute(client, call, graphql_document("RegistryMembers"), variables, &data) != 0)
        return -1;
    const json_t *project = json_at(data, "project", NULL);
    if (!json_is_object(project))
        return error_set(call->error, ERROR_NOT_FOUND, "its members: not found or no access");
    if (!text_equal(json_text_of(json_at(project, "id", NULL)), registry->id))
        return error_set(call->error, ERROR_STALE, "another registry has taken the name meanwhile");
    const json_t *people = json_object_get(project, "members");
    const json_t *teams = json_object_get(project, "teamMembers");
    lists->has_people = people != NULL;
    lists->has_teams = teams != NULL;
    if (people && take_list(client, call, registry, people, false, &lists->found) != 0)
        return -1;
    return teams ? take_list(client, call, registry, teams, true, &lists->found) : 0;
}
