/* SPDX-License-Identifier: MIT */
/*
 * Prints everything the key can see, through client.h alone: the client needs
 * neither libfuse nor the filesystem.
 *
 *   walk            everything
 *   walk ORG/REG    one registry, without a listing of registries
 */
#include "client.h"
#include "print.h"

#include <inttypes.h>

struct walk {
    struct client *client;
    struct error error;
    struct call call;
};

typedef int list_call(struct client *client, struct call *call, const struct scope *scope,
                      struct page *page, struct object_list *found);

static int list_all(struct walk *walk, list_call *list, const struct scope *scope,
                    struct object_list *found)
{
    cleanup_page struct page page = {0};
    while (!page.done) {
        if (list(walk->client, &walk->call, scope, &page, found) != 0)
            return -1;
    }
    return 0;
}

/* The registry with its collections and versions, one listing each. */
static int walk_registry(struct walk *walk, const struct organization *organization,
                         const struct registry *registry)
{
    cleanup_free char *filter = filter_by_name(registry->full_name);
    cleanup_object_list struct object_list collections = {0}, versions = {0};
    const struct scope scope = {.organization = organization, .registry_filter = filter};
    print_registry(registry);
    if (list_all(walk, client_list_collections, &scope, &collections) != 0 ||
        list_all(walk, client_list_versions, &scope, &versions) != 0)
        return -1;
    for (size_t i = 0; i < collections.count; i++)
        print_collection(collections.items[i]);
    for (size_t i = 0; i < versions.count; i++)
        print_version(versions.items[i]);
    return 0;
}

static int walk_organization(struct walk *walk, const struct organization *organization)
{
    cleanup_object_list struct object_list registries = {0};
    const struct scope scope = {.organization = organization};
    print_organization(organization);
    if (list_all(walk, client_list_registries, &scope, &registries) != 0)
        return -1;
    for (size_t i = 0; i < registries.count; i++) {
        if (walk_registry(walk, organization, registries.items[i]) != 0)
            return -1;
    }
    return 0;
}

/* An organization that cannot be read does not hide the others. */
static int walk_all(struct walk *walk)
{
    cleanup_object_list struct object_list organizations = {0};
    if (client_list_organizations(walk->client, &walk->call, NULL, &organizations) != 0)
        return -1;
    for (size_t i = 0; i < organizations.count; i++) {
        if (walk_organization(walk, organizations.items[i]) == 0)
            continue;
        printf("error %d: %s\n", walk->error.kind, walk->error.message);
        error_clear(&walk->error);
    }
    return 0;
}

static int walk_one(struct walk *walk, char *path)
{
    cleanup_object struct organization *organization = NULL;
    cleanup_object struct registry *registry = NULL;
    char *slash = strchr(path, '/');
    if (!slash)
        return error_set(&walk->error, ERROR_INVALID, "usage: walk [ORG/REGISTRY]");
    *slash = '\0';
    if (client_get_organization(walk->client, &walk->call, text_of(path), &organization) != 0 ||
        client_get_registry(walk->client, &walk->call, organization, text_of(slash + 1),
                            &registry) != 0)
        return -1;
    return walk_registry(walk, organization, registry);
}

static void report(void *context, enum error_kind kind, const char *operation, const char *object,
                   const char *message)
{
    (void)context;
    fprintf(stderr, "walk: report %d: %s: %s: %s\n", kind, operation, object, message);
}

int main(int argc, char **argv)
{
    struct walk walk = {.call = {.error = &walk.error}};
    cleanup_object struct viewer *viewer = NULL;
    const struct client_config config = {.user_agent = "registryfs-walk",
                                         .observer = {.report = report}};
    int result = client_new(&config, &walk.client, &walk.error);
    if (result == 0)
        result = client_check(walk.client, &walk.call, &viewer);
    if (result == 0)
        result = argc > 1 ? walk_one(&walk, argv[1]) : walk_all(&walk);
    if (result != 0)
        fprintf(stderr, "walk: %s\n", walk.error.message);
    if (walk.client) {
        struct client_figures figures;
        client_read_figures(walk.client, &figures);
        fprintf(stderr, "walk: %" PRIu64 " requests\n", figures.graphql_requests);
    }
    client_free(walk.client);
    return result == 0 ? 0 : 1;
}
