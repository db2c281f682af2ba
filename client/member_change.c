/* SPDX-License-Identifier: MIT */
/* Adds members to a registry, gives them roles, removes them (protocol 5.9, design 5). */
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "mutation.h"

/* Sends one; steals the input. */
static int send_mutation(struct client *client, struct call *call, const char *document,
                         json_t *input)
{
    cleanup_json json_t *data = NULL;
    struct call limited = mutation_call(client, call);
    json_t *variables = json_pack("{s:o}", "input", input);
    if (graphql_execute(client, &limited, graphql_document(document), variables, &data) != 0)
        return -1;
    if (json_is_true(json_at(data, "result", "success", NULL)))
        return 0;
    error_set(call->error, ERROR_SERVER, "the server did not do it and does not say why");
    call->error->maybe_applied = true;
    return -1;
}

static json_t *one_member(const struct registry *registry, const struct registry_member *member)
{
    return json_pack("{s:o, s:o, s:o}", "projectId", json_from_text(registry->id), "userIds",
                     member->is_team ? json_array() : json_pack("[o]", json_from_text(member->id)),
                     "teamIds",
                     member->is_team ? json_pack("[o]", json_from_text(member->id)) : json_array());
}

/* What the server has of a member after a mutation; its failure is not the caller's error. NULL:
 * nothing, and *known says whether that is so. */
static struct registry_member *read_again(struct client *client, const struct call *call,
                                          const struct registry *registry,
                                          const struct registry_member *member, bool *known)
{
    struct error error = {0};
    struct member_lists lists = {0};
    struct registry_member *now = NULL;
    struct call again = {.cancelled = call->cancelled, .deadline = call->deadline, .error = &error};
    *known = client_list_members(client, &again, registry, &lists) == 0;
    for (size_t i = 0; *known && !now && i < lists.found.count; i++) {
        const struct registry_member *one = lists.found.items[i];
        if (one->is_team == member->is_team && text_equal(one->id, member->id))
            now = object_ref(one);
    }
    object_list_release(&lists.found);
    return now;
}

static int add(struct client *client, struct call *call, const struct registry *registry,
               const struct registry_member *member)
{
    bool known;
    if (send_mutation(client, call, "CreateRegistryMembers", one_member(registry, member)) == 0)
        return 0;
    if (!mutation_has_arrived(call->error))
        return -1;
    cleanup_object struct registry_member *now = read_again(client, call, registry, member, &known);
    return now ? mutation_done_all_the_same(client, call, "add member", member->name)
               : mutation_failed(call, known);
}

static int update_role(struct client *client, struct call *call, const struct registry *registry,
                       const struct registry_member *member, struct text role)
{
    bool known, team = member->is_team;
    json_t *input = json_pack("{s:o, s:o, s:o}", "projectId", json_from_text(registry->id),
                              team ? "teamId" : "userId", json_from_text(member->id),
                              team ? "teamProjectRole" : "userProjectRole", json_from_text(role));
    if (send_mutation(client, call, team ? "UpdateTeamRegistryRole" : "UpdateUserRegistryRole",
                      input) == 0)
        return 0;
    if (!mutation_has_arrived(call->error))
        return -1;
    cleanup_object struct registry_member *now = read_again(client, call, registry, member, &known);
    return now && text_equal(now->role, role)
               ? mutation_done_all_the_same(client, call, "set role", member->name)
               : mutation_failed(call, known);
}

/* Who was added and cannot have the role is taken out again; what fails then is told beside. */
static void take_out(struct client *client, const struct call *call,
                     const struct registry *registry, const struct registry_member *member)
{
    struct error error = {0};
    struct call again = {.cancelled = call->cancelled, .error = &error};
    if (client_remove_member(client, &again, registry, member) != 0)
        client_report(client, error.kind, "add member", text_or_empty(member->name),
                      "it was added, did not get its role, and could not be removed again: %s",
                      error.message);
}

int client_set_role(struct client *client, struct call *call, const struct registry *registry,
                    const struct registry_member *before, struct text role,
                    struct registry_member **now)
{
    bool adds = before->role.size == 0;
    struct registry_member after = *before;
    *now = NULL;
    if (adds && add(client, call, registry, before) != 0)
        return -1;
    if (update_role(client, call, registry, before, role) != 0) {
        if (adds)
            take_out(client, call, registry, before);
        return -1;
    }
    after.role = role;
    *now = registry_member_new(&after);
    return *now ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

int client_remove_member(struct client *client, struct call *call, const struct registry *registry,
                         const struct registry_member *member)
{
    bool known;
    if (send_mutation(client, call, "DeleteRegistryMembers", one_member(registry, member)) == 0)
        return 0;
    if (!mutation_has_arrived(call->error))
        return -1;
    cleanup_object struct registry_member *now = read_again(client, call, registry, member, &known);
    if (known && !now)
        return mutation_done_all_the_same(client, call, "remove member", member->name);
    if (call->error->refused && call->error->kind != ERROR_UNAUTHENTICATED &&
        call->error->status < 500)
        call->error->kind = ERROR_FORBIDDEN;
    return mutation_failed(call, known);
}
