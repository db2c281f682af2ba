/* SPDX-License-Identifier: MIT */
/* Reads collections (protocol 5.7). */
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"
#include "registry.h"
#include "version.h"

#define AT(member) (int)offsetof(struct collection, member)

static const struct object_layout layout = {
    .size = sizeof(struct collection),
    .texts = (const int[]){AT(id), AT(name), AT(registry), AT(entity), AT(description), AT(type),
                           AT(created_at), AT(updated_at), -1},
    .text_lists = (const int[]){AT(tags), -1},
};

/* What of the node is passed over: projects that are hidden or no registries, and the collections
 * that runs log to. */
static bool is_shown(const json_t *node)
{
    struct text project = json_text_of(json_at(node, "project", "name", NULL));
    struct text kind = json_text_of(json_at(node, "__typename", NULL));
    return registry_name_of(project).size > 0 && !text_is(kind, "ArtifactSequence");
}

static int decode(struct client *client, const struct organization *organization,
                  const json_t *node, const char *operation, struct error *error,
                  struct collection **collection)
{
    cleanup_text_list struct text_list tags = {0};
    struct json_reader reader = {.object = node};
    struct collection borrowed = {
        .id = json_reader_text(&reader, "id"),
        .name = json_reader_text(&reader, "name"),
        .registry = json_text_of(json_at(node, "project", "name", NULL)),
        .entity = json_text_of(json_at(node, "project", "entity", "name", NULL)),
        .description = json_reader_text(&reader, "description"),
        .created_at = json_reader_text(&reader, "createdAt"),
        .updated_at = json_reader_text(&reader, "updatedAt"),
        .type =
            json_text_of(json_at(json_reader_object(&reader, "defaultArtifactType"), "name", NULL)),
    };
    char path[512];
    *collection = NULL;
    if (!is_shown(node))
        return 0;
    snprintf(path, sizeof path, "%s/%s/%s", text_or_empty(organization->name),
             registry_name_of(borrowed.registry).bytes, text_or_empty(borrowed.name));
    if (borrowed.name.size == 0) {
        client_report(client, ERROR_SERVER, operation, path,
                      "a collection without a name is passed over");
        return 0;
    }
    if (borrowed.entity.size == 0)
        borrowed.entity = organization->entity;
    if (!text_list_add_nodes(&tags, json_reader_object(&reader, "tags"), "name"))
        return error_set(error, ERROR_LOCAL, "out of memory");
    text_list_sort(&tags);
    borrowed.tags = text_list_texts(&tags);
    if (reader.odd)
        client_report(client, ERROR_SERVER, operation, path,
                      "the server's %s is of an unexpected type and ignored", reader.odd);
    *collection = object_pack(&borrowed, &layout);
    return *collection ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

static int decode_listed(const struct listing *listing, const json_t *node,
                         struct object_list *found)
{
    struct collection *collection = NULL;
    struct error *error = listing->call->error;
    if (decode(listing->client, listing->scope->organization, node, "list collections", error,
               &collection) != 0)
        return -1;
    return collection ? found_add(found, collection, error) : 0;
}

int client_list_collections(struct client *client, struct call *call, const struct scope *scope,
                            struct page *page, struct object_list *found)
{
    const struct listing listing = {.client = client,
                                    .call = call,
                                    .scope = scope,
                                    .document = "RegistryCollections",
                                    .connection = "artifactCollections",
                                    .decode = decode_listed};
    json_t *variables =
        json_pack("{s:o, s:o, s:o, s:i}", "organization", json_from_text(scope->organization->name),
                  "projectFilters", json_from_text(text_of(scope->registry_filter)), "filters",
                  json_from_text(text_of(scope->collection_filter)), "perPage", PAGE_ENTRIES);
    return listing_fetch(&listing, variables, page, found);
}

static int add_versions(struct client *client, const struct organization *organization,
                        const json_t *memberships, const struct collection *collection,
                        struct object_list *versions, struct error *error)
{
    const json_t *edge;
    size_t index;
    json_array_foreach(memberships, index, edge)
    {
        cleanup_object struct version *version = NULL;
        const json_t *node = json_at(edge, "node", NULL);
        if (!json_is_object(node))
            continue;
        if (version_decode(client, organization, node, "read collection", error, &version) != 0)
            return -1;
        if (version && text_equal(version->collection, collection->name) &&
            text_equal(version->registry, collection->registry) &&
            found_add(versions, steal(version), error) != 0)
            return -1;
    }
    return 0;
}

/* With some of its versions, where the server knows a collection's memberships. */
static int ask(struct client *client, struct call *call, const struct registry *registry,
               struct text name, bool with_versions, json_t **data)
{
    bool plain = !with_versions || atomic_load(&client->lacks_collection_memberships);
    json_t *variables =
        json_pack("{s:o, s:o, s:o}", "entity", json_from_text(registry->entity), "project",
                  json_from_text(registry->full_name), "name", json_from_text(name));
    int result = graphql_execute(
        client, call,
        graphql_document(plain ? "ProjectArtifactCollection" : "ProjectArtifactCollectionVersions"),
        variables, data);
    if (result == 0 || plain || !call->error->invalid_query)
        return result;
    atomic_store(&client->lacks_collection_memberships, true);
    error_clear(call->error);
    return ask(client, call, registry, name, false, data);
}

int client_get_collection(struct client *client, struct call *call, const struct registry *registry,
                          struct text name, struct collection **collection,
                          struct object_list *versions)
{
    cleanup_json json_t *data = NULL;
    cleanup_object struct collection *found = NULL;
    const struct organization organization = {.name = registry->organization,
                                              .entity = registry->entity};
    if (ask(client, call, registry, name, versions != NULL, &data) != 0)
        return -1;
    const json_t *node = json_at(data, "project", "artifactCollection", NULL);
    if (json_is_object(node) &&
        decode(client, &organization, node, "read collection", call->error, &found) != 0)
        return -1;
    /* A redirect must not give one collection two names. */
    if (!found || !text_equal(found->name, name) ||
        !text_equal(found->registry, registry->full_name))
        return error_set(call->error, ERROR_NOT_FOUND, "collection %s: not found or no access",
                         text_or_empty(name));
    const json_t *memberships = json_at(node, "artifactMemberships", "edges", NULL);
    if (versions &&
        add_versions(client, &organization, memberships, found, versions, call->error) != 0)
        return -1;
    *collection = steal(found);
    return 0;
}

/* Looks at one page. Hidden collections and those that are passed over in listings count as well:
 * what is deleted with a registry must not depend on who looks. */
static int look_for_any(const json_t *project, const struct registry *registry, bool *any,
                        struct error *error)
{
    const json_t *connection = json_at(project, "artifactCollections", NULL);
    const json_t *edges = json_at(connection, "edges", NULL);
    struct json_reader reader = {.object = connection};
    if (!json_is_object(project))
        return error_set(error, ERROR_NOT_FOUND, "registry %s: not found or no access",
                         registry->name.bytes);
    if (!text_equal(json_text_of(json_at(project, "id", NULL)), registry->id))
        return error_set(error, ERROR_STALE, "registry %s is another one by now",
                         registry->name.bytes);
    if (!json_is_array(edges))
        return error_set(error, ERROR_SERVER,
                         "the server does not say whether registry %s has collections",
                         registry->name.bytes);
    *any = json_array_size(edges) > 0 || json_reader_int64(&reader, "totalCount", 0) > 0;
    return 0;
}

int client_registry_is_empty(struct client *client, struct call *call,
                             const struct organization *organization,
                             const struct registry *registry, bool *empty)
{
    cleanup_page struct page page = {0};
    struct call whole = *call;
    whole.deadline = call_deadline(client, call);
    for (int pages = 0; pages < EMPTY_PAGES_MOST; pages++) {
        cleanup_json json_t *data = NULL;
        bool any = false;
        json_t *variables =
            json_pack("{s:o, s:o, s:o, s:i}", "entity", json_from_text(organization->entity),
                      "project", json_from_text(registry->full_name), "cursor",
                      json_from_text(text_of(page.cursor)), "perPage", PAGE_ENTRIES);
        if (graphql_execute(client, &whole, graphql_document("ProjectArtifactCollections"),
                            variables, &data) != 0)
            return -1;
        const json_t *project = json_at(data, "project", NULL);
        if (look_for_any(project, registry, &any, call->error) != 0 ||
            page_advance(&page, json_at(project, "artifactCollections", NULL), call->error) != 0)
            return -1;
        if (any || page.done) {
            *empty = !any;
            return 0;
        }
    }
    return error_set(call->error, ERROR_SERVER, "the server sends empty pages without end");
}
