/* SPDX-License-Identifier: MIT */
/* Adds members to a registry, gives them roles, removes them (protocol 5.9, design 5). */
#include "client.h"
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

/* What the server has of a member after a mutation that failed, as far as that could be read. */
struct seen {
    bool known;
    struct registry_member *now; /* a reference; NULL: no member, or not known */
};

static void look_again(struct client *client, const struct call *call,
                       const struct registry *registry, const struct registry_member *member,
                       struct seen *seen)
{
    struct error error = {0}; /* not the caller's */
    struct member_lists lists = {0};
    struct call again = {.cancelled = call->cancelled, .deadline = call->deadline, .error = &error};
    seen->known = client_list_members(client, &again, registry, &lists) == 0;
    seen->now = seen->known ? member_lists_find(&lists, member) : NULL;
    object_list_release(&lists.found);
}

/* True: it is done, as the server says. Else the error is set, and *seen what there is now. */
static bool sent(struct client *client, struct call *call, const char *document, json_t *input,
                 const struct registry *registry, const struct registry_member *member,
                 struct seen *seen)
{
    *seen = (struct seen){0};
    if (send_mutation(client, call, document, input) == 0)
        return true;
    if (mutation_has_arrived(call->error))
        look_again(client, call, registry, member, seen);
    return false;
}

/* How a mutation that was not plainly answered has ended. `done`: what is there now was wanted. */
static int settle(struct client *client, struct call *call, const char *operation,
                  const struct registry_member *member, const struct seen *seen, bool done)
{
    return done ? mutation_done_all_the_same(client, call, operation, member->name)
                : mutation_failed(call, seen->known);
}

static int add(struct client *client, struct call *call, const struct registry *registry,
               const struct registry_member *member)
{
    struct seen seen;
    if (sent(client, call, "CreateRegistryMembers", one_member(registry, member), registry, member,
             &seen))
        return 0;
    cleanup_object struct registry_member *now = seen.now;
    return settle(client, call, "add member", member, &seen, now != NULL);
}

static int update_role(struct client *client, struct call *call, const struct registry *registry,
                       const struct registry_member *member, struct text role)
{
    bool team = member->is_team;
    struct seen seen;
    json_t *input = json_pack("{s:o, s:o, s:o}", "projectId", json_from_text(registry->id),
                              team ? "teamId" : "userId", json_from_text(member->id),
                              team ? "teamProjectRole" : "userProjectRole", json_from_text(role));
    if (sent(client, call, team ? "UpdateTeamRegistryRole" : "UpdateUserRegistryRole", input,
             registry, member, &seen))
        return 0;
    cleanup_object struct registry_member *now = seen.now;
    return settle(client, call, "set role", member, &seen, now && text_equal(now->role, role));
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
    struct seen seen;
    if (sent(client, call, "DeleteRegistryMembers", one_member(registry, member), registry, member,
             &seen))
        return 0;
    cleanup_object struct registry_member *now = seen.now;
    bool gone = seen.known && !now;
    if (!gone && call->error->refused && call->error->kind != ERROR_UNAUTHENTICATED &&
        call->error->status < 500)
        call->error->kind = ERROR_FORBIDDEN;
    return settle(client, call, "remove member", member, &seen, gone);
}
