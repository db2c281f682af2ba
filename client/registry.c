/* SPDX-License-Identifier: MIT */
/* Reads registries: an organization's listing, and one by its name (protocol 4, 5.1, 5.2). */
#include "registry.h"

#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"

#define AT(member) (int)offsetof(struct registry, member)

enum { TYPE_PAGES_MOST = 1000 };

static const struct object_layout layout = {
    .size = sizeof(struct registry),
    .texts = (const int[]){AT(id), AT(full_name), AT(name), AT(organization), AT(entity),
                           AT(description), AT(created_at), AT(updated_at), -1},
    .text_lists = (const int[]){AT(artifact_types), -1},
};

static json_t *text_with_prefix(struct text name)
{
    cleanup_free char *full = registry_full_name(name);
    if (!full)
        return NULL;
    return json_from_text((struct text){full, strlen(REGISTRY_PREFIX) + name.size});
}

/* Further pages of a registry's types; each answer is appended to `answers`, which owns the texts.
 */
static int more_types(struct client *client, struct call *call, const struct registry *registry,
                      const json_t *first, struct text_list *types, json_t *answers)
{
    const json_t *connection = first;
    cleanup_page struct page page = {0};
    for (int pages = 0; pages < TYPE_PAGES_MOST; pages++) {
        if (!text_list_add_nodes(types, connection, "name"))
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        if (page_advance(&page, connection, call->error) != 0)
            return -1;
        if (page.done)
            return 0;
        json_t *data = NULL;
        json_t *variables =
            json_pack("{s:o, s:o, s:o, s:i}", "entity", json_from_text(registry->entity), "project",
                      json_from_text(registry->full_name), "cursor",
                      json_from_text(text_of(page.cursor)), "perPage", PAGE_ENTRIES);
        if (graphql_execute(client, call, graphql_document("ProjectArtifactTypes"), variables,
                            &data) != 0)
            return -1;
        if (json_array_append_new(answers, data) != 0)
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        connection = json_at(data, "project", "artifactTypes", NULL);
    }
    return error_set(call->error, ERROR_SERVER, "the server sends artifact types without end");
}

int registry_decode(struct client *client, struct call *call,
                    const struct organization *organization, const json_t *project,
                    const char *operation, struct registry **registry)
{
    cleanup_text_list struct text_list types = {0};
    cleanup_json json_t *answers = json_array();
    struct json_reader reader = {.object = project};
    struct registry borrowed = {
        .id = json_reader_text(&reader, "id"),
        .full_name = json_reader_text(&reader, "name"),
        .organization = organization->name,
        .entity = json_text_of(json_at(json_reader_object(&reader, "entity"), "name", NULL)),
        .description = json_reader_text(&reader, "description"),
        .created_at = json_reader_text(&reader, "createdAt"),
        .updated_at = json_reader_text(&reader, "updatedAt"),
        .allow_all_artifact_types =
            json_reader_bool(&reader, "allowAllArtifactTypesInRegistry", false),
    };
    *registry = NULL;
    borrowed.name = registry_name_of(borrowed.full_name);
    if (borrowed.full_name.size == 0)
        client_report(client, ERROR_SERVER, operation, organization->name.bytes,
                      "a registry without a name is passed over");
    if (borrowed.name.size == 0)
        return 0;
    if (borrowed.entity.size == 0)
        borrowed.entity = organization->entity;
    if (text_is(json_reader_text(&reader, "access"), "RESTRICTED"))
        borrowed.visibility = VISIBILITY_RESTRICTED;
    const json_t *first = json_reader_object(&reader, "artifactTypes");
    if (!answers)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    if (more_types(client, call, &borrowed, first, &types, answers) != 0)
        return -1;
    borrowed.artifact_types = text_list_texts(&types);
    if (reader.odd)
        client_report(client, ERROR_SERVER, operation, borrowed.name.bytes,
                      "the server's %s is of an unexpected type and ignored", reader.odd);
    *registry = object_pack(&borrowed, &layout);
    return *registry ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

static int decode_listed(const struct listing *listing, const json_t *node,
                         struct object_list *found)
{
    struct registry *registry = NULL;
    if (registry_decode(listing->client, listing->call, listing->scope->organization, node,
                        "list registries", &registry) != 0)
        return -1;
    return registry ? found_add(found, registry, listing->call->error) : 0;
}

int client_list_registries(struct client *client, struct call *call, const struct scope *scope,
                           struct page *page, struct object_list *found)
{
    const struct listing listing = {.client = client,
                                    .call = call,
                                    .scope = scope,
                                    .document = "FetchRegistries",
                                    .connection = "projects",
                                    .decode = decode_listed};
    const char *filter = scope->registry_filter ? scope->registry_filter : "{}";
    json_t *variables =
        json_pack("{s:o, s:o, s:i}", "organization", json_from_text(scope->organization->name),
                  "filters", json_from_text(text_of(filter)), "perPage", PAGE_ENTRIES);
    return listing_fetch(&listing, variables, page, found);
}

static int not_found(struct error *error, struct text name)
{
    return error_set(error, ERROR_NOT_FOUND, "registry %s: not found or no access",
                     text_or_empty(name));
}

int client_get_registry(struct client *client, struct call *call,
                        const struct organization *organization, struct text name,
                        struct registry **registry)
{
    cleanup_json json_t *data = NULL;
    cleanup_object struct registry *found = NULL;
    struct call whole = *call;
    whole.deadline = call_deadline(client, call);
    json_t *variables = json_pack("{s:o, s:o}", "entity", json_from_text(organization->entity),
                                  "name", text_with_prefix(name));
    if (graphql_execute(client, &whole, graphql_document("FetchRegistry"), variables, &data) != 0)
        return -1;
    const json_t *project = json_at(data, "entity", "project", NULL);
    if (project && registry_decode(client, &whole, organization, project, "read registry", &found))
        return -1;
    /* A redirect of a renamed project must not give one registry two names. */
    if (!found || !text_equal(found->name, name))
        return not_found(call->error, name);
    *registry = steal(found);
    return 0;
}

/* Reads on until the registry comes: the server may understand a filter otherwise, or none. */
static int find_listed(struct client *client, struct call *call, const struct scope *scope,
                       struct text name, struct registry **registry)
{
    cleanup_page struct page page = {0};
    while (!page.done) {
        cleanup_object_list struct object_list found = {0};
        if (client_list_registries(client, call, scope, &page, &found) != 0)
            return -1;
        for (size_t i = 0; i < found.count; i++) {
            struct registry *listed = found.items[i];
            if (text_equal(listed->name, name)) {
                *registry = object_ref(listed);
                return 0;
            }
        }
    }
    return not_found(call->error, name);
}

int client_find_registry(struct client *client, struct call *call,
                         const struct organization *organization, struct text name,
                         struct registry **registry)
{
    cleanup_free char *full = registry_full_name(name);
    cleanup_free char *filter =
        full ? filter_by_name((struct text){full, strlen(REGISTRY_PREFIX) + name.size}) : NULL;
    if (!filter)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    const struct scope scope = {.organization = organization, .registry_filter = filter};
    struct call whole = *call;
    whole.deadline = call_deadline(client, call);
    int result = find_listed(client, &whole, &scope, name, registry);
    if (result != 0 && call->error->invalid_query) { /* a server that lists none hides none */
        error_clear(call->error);
        return client_get_registry(client, &whole, organization, name, registry);
    }
    if (result != 0 && call->error->kind == ERROR_INVALID) /* the filter is ours, not the user's */
        call->error->kind = ERROR_SERVER;
    return result;
}

bool registry_has_type(const struct texts *types, struct text type)
{
    for (size_t i = 0; i < types->count; i++) {
        if (text_equal(types->items[i], type))
            return true;
    }
    return false;
}

bool registry_types_equal(const struct texts *a, const struct texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!registry_has_type(b, a->items[i]))
            return false;
    }
    return true;
}
