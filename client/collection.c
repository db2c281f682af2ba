/* SPDX-License-Identifier: MIT */
/* Reads collections (protocol 5.7). */
#include "client.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"
#include "version.h"

#define AT(member) (int)offsetof(struct collection, member)

static const struct object_layout layout = {
    .size = sizeof(struct collection),
    .texts = (const int[]){AT(id), AT(name), AT(registry), AT(organization), AT(entity),
                           AT(description), AT(type), AT(created_at), AT(updated_at), -1},
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
        .organization = organization->name,
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

static struct listing collections_of(struct client *client, struct call *call,
                                     const struct scope *scope)
{
    return (struct listing){.client = client,
                            .call = call,
                            .scope = scope,
                            .document = "RegistryCollections",
                            .connection = "artifactCollections",
                            .decode = decode_listed};
}

static json_t *variables_of(const struct scope *scope)
{
    return json_pack("{s:o, s:o, s:o, s:i}", "organization",
                     json_from_text(scope->organization->name), "projectFilters",
                     json_from_text(text_of(scope->registry_filter)), "filters",
                     json_from_text(text_of(scope->collection_filter)), "perPage", PAGE_ENTRIES);
}

int client_list_collections(struct client *client, struct call *call, const struct scope *scope,
                            struct page *page, struct object_list *found)
{
    const struct listing listing = collections_of(client, call, scope);
    return listing_fetch(&listing, variables_of(scope), page, found);
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

/* One collection that is looked for in the listing of its registry's. */
struct search {
    struct client *client;
    struct call *call;
    const struct scope *scope;
    const struct registry *registry;
    struct text name;
    struct page page;
    struct object_list found; /* of the pages so far */
};

static void search_release(struct search *search)
{
    page_release(&search->page);
    object_list_release(&search->found);
}

/* What a filter by name returns is checked: the server may understand it otherwise. NULL: it has
 * not come yet. */
static struct collection *pick(const struct search *search)
{
    for (size_t i = 0; i < search->found.count; i++) {
        struct collection *collection = search->found.items[i];
        if (text_equal(collection->name, search->name) &&
            text_equal(collection->registry, search->registry->full_name))
            return collection;
    }
    return NULL;
}

/* The first page with some of the collection's versions, which *memberships borrows from *data. A
 * server that does not know a collection's memberships is asked for none: the page stays as it is.
 */
static int first_page_with_versions(struct search *search, json_t **data,
                                    const json_t **memberships)
{
    struct client *client = search->client;
    const struct registry *registry = search->registry;
    if (atomic_load(&client->lacks_collection_memberships))
        return 0;
    json_t *variables = variables_of(search->scope);
    if (!variables ||
        json_object_set_new(variables, "entity", json_from_text(registry->entity)) != 0 ||
        json_object_set_new(variables, "project", json_from_text(registry->full_name)) != 0 ||
        json_object_set_new(variables, "name", json_from_text(search->name)) != 0) {
        json_decref(variables);
        return error_set(search->call->error, ERROR_LOCAL, "out of memory");
    }
    if (graphql_execute(client, search->call, graphql_document("ProjectArtifactCollectionVersions"),
                        variables, data) != 0) {
        if (!search->call->error->invalid_query)
            return -1;
        atomic_store(&client->lacks_collection_memberships, true);
        error_clear(search->call->error);
        return 0;
    }
    const struct listing listing = collections_of(client, search->call, search->scope);
    *memberships =
        json_at(*data, "project", "artifactCollection", "artifactMemberships", "edges", NULL);
    return listing_take_page(&listing, *data, &search->page, &search->found);
}

/* Through the pages of the listing: what that does not show is not there. */
static int find_listed(struct search *search, struct collection **collection,
                       struct object_list *versions)
{
    cleanup_json json_t *data = NULL;
    const json_t *memberships = NULL;
    struct error *error = search->call->error;
    if (versions && first_page_with_versions(search, &data, &memberships) != 0)
        return -1;
    struct collection *found = pick(search);
    while (!found && !search->page.done) {
        object_list_release(&search->found);
        if (client_list_collections(search->client, search->call, search->scope, &search->page,
                                    &search->found) != 0)
            return -1;
        found = pick(search);
    }
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "collection %s: not found or no access",
                         text_or_empty(search->name));
    if (versions && add_versions(search->client, search->scope->organization, memberships, found,
                                 versions, error) != 0)
        return -1;
    *collection = object_ref(found);
    return 0;
}

int client_get_collection(struct client *client, struct call *call, const struct registry *registry,
                          struct text name, struct collection **collection,
                          struct object_list *versions)
{
    cleanup_free char *in_registry = filter_by_name(registry->full_name);
    cleanup_free char *of_name = filter_by_name(name);
    const struct organization organization = {.name = registry->organization,
                                              .entity = registry->entity};
    const struct scope scope = {.organization = &organization,
                                .registry_filter = in_registry,
                                .collection_filter = of_name};
    struct call whole = *call;
    if (!in_registry || !of_name)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    whole.deadline = call_deadline(client, call);
    cleanup(search_release) struct search search = {
        .client = client, .call = &whole, .scope = &scope, .registry = registry, .name = name};
    int result = find_listed(&search, collection, versions);
    if (result != 0 && call->error->kind == ERROR_INVALID) /* the filters are ours */
        call->error->kind = ERROR_SERVER;
    return result;
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
