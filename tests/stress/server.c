/* SPDX-License-Identifier: MIT */
/*
 * client.h without a network: a world that changes all the time, calls that take a moment, fail or
 * hang. Linked instead of the client's functions of the same names.
 */
#include "server.h"

#include "base/banned.h"
#include "base/clock.h"
#include "kernel.h"
#include "report/hash.h"

#include <inttypes.h>

enum {
    ORGANIZATIONS = 2,
    REGISTRIES = 4,
    COLLECTIONS = 4,
    VERSIONS = 5,
    ROWS = 3,        /* of a page */
    EPOCH_MS = 40,   /* for so long the world stays as it is */
    ABSENT = 9,      /* one of so many objects is not there in an epoch */
    FAILURES = 25,   /* one of so many calls fails */
    SLOW_CALLS = 60, /* takes up to a third of a second */
    HUNG_CALLS = 1500,
    HUNG_MS = 6000,
    NAME_SIZE = 32,
};

static atomic_bool shutting_down;
static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t saves;

#define AT(type, member) ((int)offsetof(struct type, member))

static const struct object_layout organization_layout = {
    sizeof(struct organization),
    (const int[]){AT(organization, name), AT(organization, entity), -1}, (const int[]){-1}};
static const struct object_layout registry_layout = {
    sizeof(struct registry),
    (const int[]){AT(registry, id), AT(registry, full_name), AT(registry, name),
                  AT(registry, organization), AT(registry, entity), AT(registry, description),
                  AT(registry, created_at), AT(registry, updated_at), -1},
    (const int[]){AT(registry, artifact_types), -1}};
static const struct object_layout collection_layout = {
    sizeof(struct collection),
    (const int[]){AT(collection, id), AT(collection, name), AT(collection, registry),
                  AT(collection, entity), AT(collection, description), AT(collection, created_at),
                  -1},
    (const int[]){AT(collection, tags), -1}};
static const struct object_layout version_layout = {
    sizeof(struct version),
    (const int[]){AT(version, id), AT(version, collection), AT(version, registry),
                  AT(version, entity), AT(version, created_at), AT(version, updated_at),
                  AT(version, metadata), -1},
    (const int[]){AT(version, aliases), AT(version, tags), -1}};

static uint64_t epoch(void)
{
    return (uint64_t)(clock_milliseconds() / EPOCH_MS);
}

static uint64_t chance(const char *name, struct text within)
{
    uint64_t seed = hash_bytes(epoch(), within.bytes, within.size);
    return hash_bytes(seed, name, strlen(name));
}

static bool exists(const char *name, struct text within)
{
    return chance(name, within) % ABSENT != 0;
}

/* --- a call --- */

static int nap(const struct call *call, uint32_t milliseconds)
{
    int64_t end = clock_milliseconds() + milliseconds;
    do {
        if (atomic_load(&shutting_down) || (call->cancelled && atomic_load(call->cancelled)))
            return error_set(call->error, ERROR_INTERRUPTED, "cancelled");
        if (call->deadline && clock_milliseconds() >= call->deadline)
            return error_set(call->error, ERROR_TIMEOUT, "no answer in time");
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    } while (clock_milliseconds() < end);
    return 0;
}

int server_travel(const struct call *call)
{
    static const enum error_kind kinds[] = {ERROR_SERVER,  ERROR_UNREACHABLE,
                                            ERROR_TIMEOUT, ERROR_FORBIDDEN,
                                            ERROR_BUSY,    ERROR_UNAUTHENTICATED};
    static _Thread_local bool seeded;
    if (!seeded)
        random_seed(atomic_fetch_add(&calls, 1) + 1000);
    seeded = true;
    atomic_fetch_add(&calls, 1);
    uint32_t milliseconds = random_below(3);
    if (random_below(SLOW_CALLS) == 0)
        milliseconds = random_below(300);
    if (random_below(HUNG_CALLS) == 0)
        milliseconds = HUNG_MS;
    if (nap(call, milliseconds) != 0)
        return -1;
    if (random_below(FAILURES) != 0)
        return 0;
    return error_set(call->error, kinds[random_below(sizeof kinds / sizeof *kinds)], "bad luck");
}

uint64_t server_calls(void)
{
    return atomic_load(&calls);
}

uint64_t server_saves(void)
{
    return atomic_load(&saves);
}

static int not_there(const struct call *call)
{
    return error_set(call->error, ERROR_NOT_FOUND, "not there");
}

static int add(const struct call *call, struct object_list *found, void *object)
{
    if (object && object_list_steal(found, object))
        return 0;
    return error_set(call->error, ERROR_LOCAL, "no memory");
}

/* --- the world --- */

static void *make_organization(const char *name)
{
    struct organization organization = {.name = text_of(name), .entity = text_of(name)};
    return object_pack(&organization, &organization_layout);
}

static void *make_registry(const struct organization *organization, const char *name)
{
    char full[NAME_SIZE + 16], text[NAME_SIZE];
    struct text type = text_of("model");
    snprintf(full, sizeof full, "wandb-registry-%s", name);
    snprintf(text, sizeof text, "%" PRIu64, epoch());
    struct registry registry = {.id = text_of(full),
                                .full_name = text_of(full),
                                .name = text_of(name),
                                .organization = organization->name,
                                .entity = organization->entity,
                                .description = text_of(text),
                                .created_at = text_of("2025-01-02T03:04:05Z"),
                                .artifact_types = {&type, 1}};
    return object_pack(&registry, &registry_layout);
}

static void *make_collection(struct text entity, struct text registry, const char *name)
{
    char text[NAME_SIZE];
    struct text tag;
    snprintf(text, sizeof text, "%" PRIu64, epoch());
    struct collection collection = {.id = text_of(name),
                                    .name = text_of(name),
                                    .registry = registry,
                                    .entity = entity,
                                    .created_at = text_of("2025-01-02T03:04:05Z"),
                                    .tags = {&tag, 1}};
    tag = text_of(text);
    return object_pack(&collection, &collection_layout);
}

static void *make_version(struct text entity, struct text registry, const char *collection,
                          int index)
{
    char id[NAME_SIZE * 2];
    struct text alias = text_of("latest");
    snprintf(id, sizeof id, "%s:%d", collection, index);
    struct version version = {.id = text_of(id),
                              .collection = text_of(collection),
                              .registry = registry,
                              .entity = entity,
                              .created_at = text_of("2025-01-02T03:04:05Z"),
                              .metadata = text_of("{\"a\":1}"),
                              .aliases = {&alias, index == (int)(epoch() % VERSIONS) ? 1 : 0},
                              .index = index};
    return object_pack(&version, &version_layout);
}

/* "c2" out of {"name": "c2"}; the whole text where it is no filter. */
static bool filter_names(const char *filter, const char *name)
{
    char quoted[NAME_SIZE + 2];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    return !filter || strstr(filter, quoted);
}

/* --- client.h --- */

void page_release(struct page *page)
{
    *page = (struct page){.done = true};
}

char *filter_by_name(struct text name)
{
    char *filter = NULL;
    return asprintf(&filter, "{\"name\": \"%.*s\"}", (int)name.size, name.bytes) < 0 ? NULL
                                                                                     : filter;
}

int client_find_search(struct client *client, struct call *call,
                       const struct organization *organization, enum filter_search *search)
{
    (void)client, (void)organization;
    *search = FILTER_BASIC;
    return server_travel(call);
}

/* Known for a part of the questions, so that some of them are asked. */
bool client_knows_search(struct client *client, const struct organization *organization,
                         enum filter_search *search)
{
    (void)client, (void)organization;
    *search = FILTER_BASIC;
    return random_below(4) != 0;
}

const char *client_base_url(const struct client *client)
{
    (void)client;
    return "http://server";
}

void client_read_figures(const struct client *client, struct client_figures *figures)
{
    (void)client;
    *figures = (struct client_figures){.requests = server_calls()};
}

bool client_read_content_proxy(const struct client *client, size_t index,
                               struct content_proxy_figures *figures)
{
    (void)client, (void)index, (void)figures;
    return false;
}

void client_shut_down(struct client *client)
{
    (void)client;
    atomic_store(&shutting_down, true);
}

int client_list_organizations(struct client *client, struct call *call,
                              const struct viewer *known_viewer, struct object_list *found)
{
    (void)client, (void)known_viewer;
    if (server_travel(call) != 0)
        return -1;
    for (int i = 0; i < ORGANIZATIONS; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "o%d", i);
        if (add(call, found, make_organization(name)) != 0)
            return -1;
    }
    return 0;
}

int client_get_organization(struct client *client, struct call *call, struct text name,
                            struct organization **organization)
{
    (void)client;
    if (server_travel(call) != 0)
        return -1;
    if (name.size != 2 || name.bytes[0] != 'o' || name.bytes[1] >= '0' + ORGANIZATIONS)
        return not_there(call);
    *organization = make_organization(name.bytes);
    return 0;
}

/* Where the next page of a world of `count` objects starts and ends. */
static void turn_page(struct page *page, int count, int *first, int *end)
{
    *first = (int)page->fetched * ROWS;
    *end = *first + ROWS < count ? *first + ROWS : count;
    page->done = *end == count;
}

int client_list_registries(struct client *client, struct call *call, const struct scope *scope,
                           struct page *page, struct object_list *found)
{
    int i, end;
    (void)client;
    turn_page(page, REGISTRIES, &i, &end);
    if (server_travel(call) != 0)
        return -1;
    for (page->fetched++; i < end; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "r%d", i);
        if (exists(name, scope->organization->name) &&
            add(call, found, make_registry(scope->organization, name)) != 0)
            return -1;
    }
    return 0;
}

int client_get_registry(struct client *client, struct call *call,
                        const struct organization *organization, struct text name,
                        struct registry **registry)
{
    (void)client;
    if (server_travel(call) != 0)
        return -1;
    if (name.size != 2 || name.bytes[0] != 'r' || !exists(name.bytes, organization->name))
        return not_there(call);
    *registry = make_registry(organization, name.bytes);
    return 0;
}

int client_find_registry(struct client *client, struct call *call,
                         const struct organization *organization, struct text name,
                         struct registry **registry)
{
    return client_get_registry(client, call, organization, name, registry);
}

/* Names of registries stand in the filter. */
static void registry_of(const struct scope *scope, char full[NAME_SIZE])
{
    full[0] = '\0';
    if (scope->registry_filter)
        sscanf(scope->registry_filter, "{\"name\": \"%31[^\"]", full);
}

int client_list_collections(struct client *client, struct call *call, const struct scope *scope,
                            struct page *page, struct object_list *found)
{
    char registry[NAME_SIZE];
    (void)client;
    page->done = true;
    registry_of(scope, registry);
    if (server_travel(call) != 0)
        return -1;
    for (int i = 0; i < COLLECTIONS; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "c%d", i);
        if (exists(name, text_of(registry)) &&
            add(call, found,
                make_collection(scope->organization->entity, text_of(registry), name)) != 0)
            return -1;
    }
    return 0;
}

int client_get_collection(struct client *client, struct call *call, const struct registry *registry,
                          struct text name, struct collection **collection,
                          struct object_list *versions)
{
    (void)client;
    if (server_travel(call) != 0)
        return -1;
    if (name.size != 2 || name.bytes[0] != 'c' || !exists(name.bytes, registry->full_name))
        return not_there(call);
    *collection = make_collection(registry->entity, registry->full_name, name.bytes);
    for (int i = 0; versions && i < VERSIONS / 2; i++) {
        if (add(call, versions,
                make_version(registry->entity, registry->full_name, name.bytes, i)) != 0)
            return -1;
    }
    return 0;
}

int client_registry_is_empty(struct client *client, struct call *call,
                             const struct organization *organization,
                             const struct registry *registry, bool *empty)
{
    (void)client, (void)organization, (void)registry;
    *empty = random_below(2) == 0;
    return server_travel(call);
}

int client_list_versions(struct client *client, struct call *call, const struct scope *scope,
                         struct page *page, struct object_list *found)
{
    char registry[NAME_SIZE], collection[NAME_SIZE];
    int i, end;
    (void)client;
    turn_page(page, COLLECTIONS * VERSIONS, &i, &end);
    registry_of(scope, registry);
    if (server_travel(call) != 0)
        return -1;
    for (page->fetched++; i < end; i++) {
        snprintf(collection, sizeof collection, "c%d", i / VERSIONS);
        if (filter_names(scope->collection_filter, collection) &&
            add(call, found,
                make_version(scope->organization->entity, text_of(registry), collection,
                             i % VERSIONS)) != 0)
            return -1;
    }
    return 0;
}

int client_get_version(struct client *client, struct call *call, const struct registry *registry,
                       struct text collection, struct text alias, struct version **version,
                       struct object_list *files)
{
    int index = (int)(epoch() % VERSIONS);
    (void)client, (void)files;
    if (server_travel(call) != 0)
        return -1;
    if (alias.bytes[0] == 'v')
        index = (int)strtol(alias.bytes + 1, NULL, 10);
    else if (!text_is(alias, "latest"))
        return not_there(call);
    if (index >= VERSIONS)
        return not_there(call);
    *version = make_version(registry->entity, registry->full_name, collection.bytes, index);
    return 0;
}

/* --- changes: each happens or fails; the world does not remember them --- */

int client_create_registry(struct client *client, struct call *call,
                           const struct organization *organization, struct text name,
                           enum registry_visibility visibility, struct registry **created)
{
    (void)client, (void)visibility;
    if (server_travel(call) != 0)
        return -1;
    *created = make_registry(organization, name.bytes);
    return 0;
}

static int changed(struct call *call, const struct registry *saved, struct text name,
                   struct registry **now)
{
    const struct organization organization = {.name = saved->organization, .entity = saved->entity};
    *now = NULL;
    if (server_travel(call) != 0)
        return -1;
    *now = make_registry(&organization, name.bytes);
    atomic_fetch_add(&saves, 1);
    return 0;
}

int client_save_registry(struct client *client, struct call *call, const struct registry *saved,
                         const struct registry_change *change, struct registry **now)
{
    (void)client, (void)change;
    return changed(call, saved, saved->name, now);
}

int client_rename_registry(struct client *client, struct call *call, const struct registry *saved,
                           struct text new_name, struct registry **now)
{
    (void)client;
    return changed(call, saved, new_name, now);
}

int client_delete_registry(struct client *client, struct call *call,
                           const struct registry *registry)
{
    (void)client, (void)registry;
    return server_travel(call);
}

int client_check(struct client *client, struct call *call, struct viewer **viewer)
{
    (void)client, (void)viewer;
    server_travel(call);
    return error_set(call->error, ERROR_UNREACHABLE, "nobody is asked who they are");
}

int client_reload_credentials(struct client *client, struct error *error)
{
    (void)client, (void)error;
    return 0;
}
