/* SPDX-License-Identifier: MIT */
#include "scripted.h"

#include "base/message.h"
#include "graphql.h"
#include "http.h"
#include "internal.h"
#include "json_memory.h"
#include "json_text.h"
#include "print.h"

enum { REQUEST_CEILING = 64 << 20 };

/* --- stand-ins for the transport --- */

/* Parsed as answers are: bytes of the server that are no UTF-8 go back to it as they came. */
static void print_request(const char *body)
{
    char problem[128];
    cleanup_buf struct buf copy;
    buf_init(&copy, REQUEST_CEILING);
    buf_puts(&copy, body);
    cleanup_json json_t *json = json_parse(&copy, REQUEST_CEILING, problem, sizeof problem);
    if (!json) {
        printf("> not JSON: %s\n", problem);
        return;
    }
    cleanup_free char *variables = json_to_text(json_object_get(json, "variables"), JSON_COMPACT);
    const char *name = json_string_value(json_object_get(json, "operationName"));
    size_t size = json_string_length(json_object_get(json, "query"));
    printf("> %s %s%s\n", name, variables,
           size < strlen(graphql_document(name)->text) ? " (shortened)" : "");
}

int http_send(struct client *client, struct call *call, const struct http_request *request,
              struct http_response *response)
{
    struct scripted_reply reply = {.status = 200, .content_type = "application/json"};
    (void)client;
    print_request(request->body);
    buf_init(&response->body, request->ceiling);
    if (!scripted_next(&reply, &response->body))
        return error_set(call->error, ERROR_UNREACHABLE, "the case has no further reply");
    if (reply.lost) {
        error_set(call->error, ERROR_TIMEOUT, "the answer is lost");
        call->error->maybe_applied = !request->repeatable;
        return -1;
    }
    response->status = reply.status;
    snprintf(response->content_type, sizeof response->content_type, "%s", reply.content_type);
    return 0;
}

int64_t call_deadline(const struct client *client, const struct call *call)
{
    (void)client;
    return call->deadline;
}

bool call_sleep_until(const struct client *client, const struct call *call, int64_t time)
{
    (void)client, (void)call, (void)time;
    return true;
}

void client_log(const struct client *client, enum client_log_level level, const char *format, ...)
{
    (void)client, (void)level, (void)format;
}

void client_report(const struct client *client, enum error_kind kind, const char *operation,
                   const char *object, const char *format, ...)
{
    va_list arguments;
    char message[1024];
    (void)client;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    message_clean(message, sizeof message);
    printf("! %d %s: %s: %s\n", kind, operation, object, message);
}

/* --- the calls --- */

struct test {
    struct client *client;
    struct call call;
    struct error error;
    struct organization organization;
    struct text types[2];
    struct registry registry;
};

static int run_check(struct test *test)
{
    cleanup_object struct viewer *viewer = NULL;
    if (client_check(test->client, &test->call, &viewer) != 0)
        return -1;
    print_viewer(viewer);
    printf("tags=%d\n", features_have(&test->client->features, FEATURE_ARTIFACT_TAGS));
    return 0;
}

static int run_list_organizations(struct test *test)
{
    cleanup_object_list struct object_list found = {0};
    int result = client_list_organizations(test->client, &test->call, NULL, &found);
    for (size_t i = 0; i < found.count; i++)
        print_organization(found.items[i]);
    return result;
}

static int run_get_organization(struct test *test)
{
    cleanup_object struct organization *organization = NULL;
    int result = client_get_organization(test->client, &test->call, text_of("acme"), &organization);
    if (organization)
        print_organization(organization);
    return result;
}

typedef int list_call(struct client *client, struct call *call, const struct scope *scope,
                      struct page *page, struct object_list *found);

static int run_list(struct test *test, list_call *list, void (*print)(const void *object))
{
    cleanup_page struct page page = {0};
    cleanup_object_list struct object_list found = {0};
    const struct scope scope = {.organization = &test->organization};
    int result = 0;
    while (!page.done && result == 0)
        result = list(test->client, &test->call, &scope, &page, &found);
    for (size_t i = 0; i < found.count; i++)
        print(found.items[i]);
    return result;
}

static void print_any_registry(const void *object)
{
    print_registry(object);
}

static void print_any_collection(const void *object)
{
    print_collection(object);
}

static void print_any_version(const void *object)
{
    print_version(object);
}

static int run_list_registries(struct test *test)
{
    return run_list(test, client_list_registries, print_any_registry);
}

static int run_list_collections(struct test *test)
{
    return run_list(test, client_list_collections, print_any_collection);
}

static int run_list_versions(struct test *test)
{
    return run_list(test, client_list_versions, print_any_version);
}

static int finish_registry(int result, struct registry *registry)
{
    if (registry)
        print_registry(registry);
    object_unref(registry);
    return result;
}

static int run_get_registry(struct test *test)
{
    struct registry *found = NULL;
    int result = client_get_registry(test->client, &test->call, &test->organization,
                                     text_of("model"), &found);
    return finish_registry(result, found);
}

static int run_find_registry(struct test *test)
{
    struct registry *found = NULL;
    int result = client_find_registry(test->client, &test->call, &test->organization,
                                      text_of("model"), &found);
    return finish_registry(result, found);
}

static int run_create(struct test *test)
{
    struct registry *now = NULL;
    int result = client_create_registry(test->client, &test->call, &test->organization,
                                        text_of("model"), VISIBILITY_RESTRICTED, &now);
    return finish_registry(result, now);
}

static int run_save_description(struct test *test)
{
    struct registry *now = NULL;
    const struct text description = text_of("new text");
    const struct registry_change change = {.description = &description};
    int result = client_save_registry(test->client, &test->call, &test->registry, &change, &now);
    return finish_registry(result, now);
}

static int run_save_types(struct test *test)
{
    struct registry *now = NULL;
    const struct text type = text_of("dataset");
    const struct texts types = {.items = &type, .count = 1};
    const struct registry_change change = {.new_artifact_types = &types};
    int result = client_save_registry(test->client, &test->call, &test->registry, &change, &now);
    return finish_registry(result, now);
}

static int run_rename(struct test *test)
{
    struct registry *now = NULL;
    int result = client_rename_registry(test->client, &test->call, &test->registry,
                                        text_of("renamed"), &now);
    return finish_registry(result, now);
}

static int run_delete(struct test *test)
{
    return client_delete_registry(test->client, &test->call, &test->registry);
}

static int run_is_empty(struct test *test)
{
    bool empty;
    if (client_registry_is_empty(test->client, &test->call, &test->organization, &test->registry,
                                 &empty) != 0)
        return -1;
    puts(empty ? "empty" : "not empty");
    return 0;
}

static int run_get_collection(struct test *test)
{
    cleanup_object struct collection *found = NULL;
    cleanup_object_list struct object_list versions = {0};
    int result = client_get_collection(test->client, &test->call, &test->registry, text_of("churn"),
                                       &found, &versions);
    if (found)
        print_collection(found);
    for (size_t i = 0; i < versions.count; i++)
        print_version(versions.items[i]);
    return result;
}

static int run_get_version(struct test *test)
{
    cleanup_object struct version *found = NULL;
    int result = client_get_version(test->client, &test->call, &test->registry, text_of("churn"),
                                    text_of("v3"), &found, NULL);
    if (found)
        print_version(found);
    return result;
}

/* From a server that says it knows no memberships by name. */
static int run_get_version_by_alias(struct test *test)
{
    atomic_store(&test->client->features.off, 1u << FEATURE_PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP);
    return run_get_version(test);
}

/* Asked twice: what the server said is remembered. */
static int run_find_search(struct test *test)
{
    enum filter_search search = FILTER_ADVANCED;
    if (client_knows_search(test->client, &test->organization, &search))
        printf("without the feature: %s\n", search == FILTER_BASIC ? "basic" : "advanced");
    atomic_fetch_or(&test->client->features.enabled,
                    1u << FEATURE_ARTIFACT_COLLECTIONS_FILTERING_SORTING);
    for (int i = 0; i < 2; i++) {
        if (client_find_search(test->client, &test->call, &test->organization, &search) != 0)
            return -1;
        printf("%s, %s\n", search == FILTER_ADVANCED ? "advanced" : "basic",
               client_knows_search(test->client, &test->organization, &search) ? "known"
                                                                               : "not known");
    }
    searches_clear(&test->client->searches);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct test *test);
} calls[] = {
    {"find_search", run_find_search},
    {"check", run_check},
    {"list_organizations", run_list_organizations},
    {"get_organization", run_get_organization},
    {"list_registries", run_list_registries},
    {"get_registry", run_get_registry},
    {"find_registry", run_find_registry},
    {"create", run_create},
    {"save_description", run_save_description},
    {"save_types", run_save_types},
    {"rename", run_rename},
    {"delete", run_delete},
    {"list_collections", run_list_collections},
    {"get_collection", run_get_collection},
    {"is_empty", run_is_empty},
    {"list_versions", run_list_versions},
    {"get_version", run_get_version},
    {"get_version_by_alias", run_get_version_by_alias},
};

const char *scripted_call_name(size_t index)
{
    return index < sizeof calls / sizeof *calls ? calls[index].name : NULL;
}

void scripted_call(const char *name)
{
    struct test test = {
        .client = calloc(1, sizeof(struct client)),
        .organization = {.name = text_of("acme"), .entity = text_of("acme-entity")},
        .types = {text_of("model")},
        .registry = {.id = text_of("id-model"),
                     .name = text_of("model"),
                     .full_name = text_of("wandb-registry-model"),
                     .organization = text_of("acme"),
                     .entity = text_of("acme-entity"),
                     .description = text_of("old text")},
    };
    test.registry.artifact_types = (struct texts){.items = test.types, .count = 1};
    test.call.error = &test.error;
    test.client->timeout_ms = 20000;
    test.client->base_url.text = (char *)(uintptr_t) "http://server";
    atomic_store(&test.client->features.enabled,
                 1u << FEATURE_INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(calls[i].name, name) == 0 && calls[i].run(&test) != 0)
            printf("error %d%s%s: %s\n", test.error.kind,
                   test.error.maybe_applied ? " maybe-applied" : "",
                   test.error.invalid_query ? " invalid-query" : "", test.error.message);
    }
    free(test.client);
}
