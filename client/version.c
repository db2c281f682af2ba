/* SPDX-License-Identifier: MIT */
/* Reads versions: an artifact as a member of a collection (protocol 5.8). */
#include "version.h"

#include "file_list.h"
#include "file_lookup.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"

#define AT(member) (int)offsetof(struct version, member)

enum { SOURCE_NAME_CEILING = 64 << 10 };

static const struct object_layout layout = {
    .size = sizeof(struct version),
    .texts = (const int[]){AT(id), AT(collection), AT(registry), AT(organization), AT(entity),
                           AT(type), AT(state), AT(description), AT(digest), AT(commit_hash),
                           AT(source_name), AT(created_at), AT(updated_at), AT(metadata), -1},
    .text_lists = (const int[]){AT(aliases), AT(tags), -1},
};

/* One membership while it is read; owns what the borrowed version does not borrow from JSON. */
struct draft {
    struct version version;
    struct json_reader membership;
    struct json_reader artifact;
    struct text_list aliases;
    struct text_list tags;
    struct buf source_name;
};

static void draft_release(struct draft *draft)
{
    text_list_release(&draft->aliases);
    text_list_release(&draft->tags);
    buf_release(&draft->source_name);
}

/* v and digits: the form of a version, not an alias of the user's. */
static bool is_version_form(struct text alias)
{
    if (alias.size < 2 || alias.bytes[0] != 'v')
        return false;
    for (size_t i = 1; i < alias.size; i++) {
        if (alias.bytes[i] < '0' || alias.bytes[i] > '9')
            return false;
    }
    return true;
}

static bool read_aliases(struct draft *draft)
{
    struct text_list *list = &draft->aliases;
    const json_t *aliases = json_reader_array(&draft->membership, "aliases");
    if (!text_list_add_members(list, aliases, "alias"))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_version_form(list->items[i]))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
    text_list_sort(list);
    draft->version.aliases = text_list_texts(list);
    return true;
}

static bool read_tags(struct draft *draft)
{
    if (!text_list_add_members(&draft->tags, json_reader_array(&draft->artifact, "tags"), "name"))
        return false;
    text_list_sort(&draft->tags);
    draft->version.tags = text_list_texts(&draft->tags);
    return true;
}

/* entity/project/collection:vN of where the artifact was logged; stays null when any of it is
 * hidden. */
static void read_source_name(struct draft *draft)
{
    struct buf *name = &draft->source_name;
    const json_t *sequence = json_reader_object(&draft->artifact, "artifactSequence");
    const struct text parts[] = {
        json_text_of(json_at(sequence, "project", "entity", "name", NULL)),
        json_text_of(json_at(sequence, "project", "name", NULL)),
        json_text_of(json_at(sequence, "name", NULL)),
    };
    int64_t index = json_reader_int64(&draft->artifact, "versionIndex", -1);
    buf_init(name, SOURCE_NAME_CEILING);
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].size == 0)
            return;
        buf_append(name, parts[i].bytes, parts[i].size);
        buf_putc(name, i < 2 ? '/' : ':');
    }
    if (index >= 0 && buf_printf(name, "v%lld", (long long)index))
        draft->version.source_name = (struct text){.bytes = name->data, .size = name->size};
}

static void read_artifact(struct draft *draft)
{
    struct json_reader *reader = &draft->artifact;
    struct version *version = &draft->version;
    version->id = json_reader_text(reader, "id");
    version->type = json_text_of(json_at(json_reader_object(reader, "artifactType"), "name", NULL));
    version->state = json_reader_text(reader, "state");
    version->description = json_reader_text(reader, "description");
    version->metadata = json_reader_text(reader, "metadata");
    version->metadata_size = metadata_format_size(version->metadata);
    version->digest = json_reader_text(reader, "digest");
    version->commit_hash = json_reader_text(reader, "commitHash");
    version->created_at = json_reader_text(reader, "createdAt");
    version->updated_at = json_reader_text(reader, "updatedAt");
    if (version->updated_at.size == 0)
        version->updated_at = version->created_at;
    version->size = json_reader_int64(reader, "size", 0);
    version->file_count = json_reader_int64(reader, "fileCount", -1);
    if (version->file_count < 0)
        version->file_count = -1;
    version->ttl_seconds = json_reader_int64(reader, "ttlDurationSeconds", 0);
    int64_t step = json_reader_int64(reader, "historyStep", INT64_MIN);
    version->history_step = step == INT64_MIN ? -1 : step > 0 ? step - 1 : 0;
}

/* Whether the membership is of a registry's collection and complete; says why not in *nameless when
 * that is worth a report. */
static bool read_membership(struct draft *draft, const json_t *node, const char **nameless)
{
    struct version *version = &draft->version;
    draft->membership.object = node;
    draft->artifact.object = json_reader_object(&draft->membership, "artifact");
    version->index = json_reader_int64(&draft->membership, "versionIndex", -1);
    const json_t *collection = json_reader_object(&draft->membership, "artifactCollection");
    const json_t *project = json_at(collection, "project", NULL);
    version->collection = json_text_of(json_at(collection, "name", NULL));
    version->registry = json_text_of(json_at(project, "name", NULL));
    version->entity = json_text_of(json_at(project, "entity", "name", NULL));
    /* A sequence is where runs log to; a registry's collections are portfolios (protocol 5.7). */
    bool sequence =
        text_is(json_text_of(json_at(collection, "__typename", NULL)), "ArtifactSequence");
    if (sequence || !draft->artifact.object || version->index < 0 ||
        registry_name_of(version->registry).size == 0)
        return false;
    read_artifact(draft);
    if (!text_is(version->state, "COMMITTED"))
        return false;
    if (version->collection.size == 0)
        *nameless = "a version in a collection without a name is passed over";
    else if (version->id.size == 0)
        *nameless = "a version without an artifact id is passed over";
    return *nameless == NULL;
}

static void describe(const struct organization *organization, const struct version *version,
                     char *path, size_t size)
{
    snprintf(path, size, "%s/%s/%s:v%lld", text_or_empty(organization->name),
             registry_name_of(version->registry).bytes, text_or_empty(version->collection),
             (long long)version->index);
}

struct version *version_pack(const struct version *borrowed)
{
    return object_pack(borrowed, &layout);
}

int version_decode(struct client *client, const struct organization *organization,
                   const json_t *node, const char *operation, struct error *error,
                   struct version **version)
{
    cleanup(draft_release) struct draft draft = {0};
    const char *nameless = NULL;
    char path[512];
    *version = NULL;
    if (!read_membership(&draft, node, &nameless) && !nameless)
        return 0;
    describe(organization, &draft.version, path, sizeof path);
    if (nameless) {
        client_report(client, ERROR_SERVER, operation, path, "%s", nameless);
        return 0;
    }
    if (draft.version.entity.size == 0)
        draft.version.entity = organization->entity;
    draft.version.organization = organization->name;
    if (!read_aliases(&draft) || !read_tags(&draft))
        return error_set(error, ERROR_LOCAL, "out of memory");
    read_source_name(&draft);
    const char *odd = draft.membership.odd ? draft.membership.odd : draft.artifact.odd;
    if (odd)
        client_report(client, ERROR_SERVER, operation, path,
                      "the server's %s is of an unexpected type and ignored", odd);
    *version = version_pack(&draft.version);
    return *version ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

static int decode_listed(const struct listing *listing, const json_t *node,
                         struct object_list *found)
{
    struct version *version = NULL;
    struct error *error = listing->call->error;
    if (version_decode(listing->client, listing->scope->organization, node, "list versions", error,
                       &version) != 0)
        return -1;
    return version ? found_add(found, version, error) : 0;
}

int client_list_versions(struct client *client, struct call *call, const struct scope *scope,
                         struct page *page, struct object_list *found)
{
    const struct listing listing = {.client = client,
                                    .call = call,
                                    .scope = scope,
                                    .document = "RegistryVersions",
                                    .connection = "artifactMemberships",
                                    .decode = decode_listed};
    json_t *variables = json_pack(
        "{s:o, s:o, s:o, s:o, s:i}", "organization", json_from_text(scope->organization->name),
        "projectFilters", json_from_text(text_of(scope->registry_filter)), "collectionFilters",
        json_from_text(text_of(scope->collection_filter)), "filters",
        json_from_text(text_of(scope->version_filter)), "perPage", PAGE_ENTRIES);
    return listing_fetch(&listing, variables, page, found);
}

json_t *version_joined_name(struct text collection, struct text alias)
{
    cleanup_buf struct buf name;
    buf_init(&name, collection.size + alias.size + 1);
    buf_append(&name, collection.bytes, collection.size);
    buf_putc(&name, ':');
    if (!buf_append(&name, alias.bytes, alias.size))
        return NULL;
    return json_from_text((struct text){.bytes = name.data, .size = name.size});
}

static int ask_by_name(struct client *client, struct call *call, const struct registry *registry,
                       struct text collection, struct text alias, const char *document,
                       json_t **data)
{
    json_t *variables = json_pack("{s:o, s:o, s:o}", "entity", json_from_text(registry->entity),
                                  "project", json_from_text(registry->full_name), "name",
                                  version_joined_name(collection, alias));
    return graphql_execute(client, call, graphql_document(document), variables, data);
}

static bool is_unknown_field(const struct error *error, const char *field)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", field);
    return error->invalid_query && strstr(error->message, quoted);
}

/* Newer servers take the joined name, which is split at its first colon: not for a collection with
 * one in its name. What is wrong with the files must not hide the version. */
static int ask_membership_by_name(struct client *client, struct call *call,
                                  const struct registry *registry, struct text collection,
                                  struct text alias, bool files, json_t **data)
{
    if (files && file_route_first(client) == ROUTE_MEMBERSHIP) {
        if (ask_by_name(client, call, registry, collection, alias, "ArtifactMembershipWithFiles",
                        data) == 0)
            return 0;
        if (!call->error->refused || call->error->kind == ERROR_UNAUTHENTICATED)
            return -1;
        if (is_unknown_field(call->error, "artifactCollectionMembership"))
            return -1;
        if (call->error->invalid_query)
            atomic_store(&client->lacks_membership_files, true);
        error_clear(call->error);
    }
    return ask_by_name(client, call, registry, collection, alias, "ArtifactMembershipByName", data);
}

/* Asks for one membership; *node is borrowed from *data, NULL: not there. */
static int ask_membership(struct client *client, struct call *call, const struct registry *registry,
                          struct text collection, struct text alias, bool files, json_t **data,
                          const json_t **node)
{
    bool colon = collection.size && memchr(collection.bytes, ':', collection.size);
    if (features_have(&client->features, FEATURE_PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP) &&
        !colon && !atomic_load(&client->lacks_membership_by_name)) {
        if (ask_membership_by_name(client, call, registry, collection, alias, files, data) == 0) {
            *node = json_at(*data, "project", "artifactCollectionMembership", NULL);
            return 0;
        }
        if (!is_unknown_field(call->error, "artifactCollectionMembership"))
            return -1;
        atomic_store(&client->lacks_membership_by_name, true);
        error_clear(call->error);
    }
    json_t *variables =
        json_pack("{s:o, s:o, s:o, s:o}", "entity", json_from_text(registry->entity), "project",
                  json_from_text(registry->full_name), "collection", json_from_text(collection),
                  "alias", json_from_text(alias));
    if (graphql_execute(client, call, graphql_document("ArtifactMembershipByAlias"), variables,
                        data) != 0)
        return -1;
    *node = json_at(*data, "project", "artifactCollection", "artifactMembership", NULL);
    return 0;
}

/* A form like v3 must be its number, whatever alias of that form somebody gave to another one. */
static bool is_asked_for(const struct version *version, const struct registry *registry,
                         struct text collection, struct text alias)
{
    char number[32];
    snprintf(number, sizeof number, "v%lld", (long long)version->index);
    return text_equal(version->collection, collection) &&
           text_equal(version->registry, registry->full_name) &&
           (!is_version_form(alias) || text_is(alias, number));
}

int version_read_answer(struct client *client, const struct version_question *question,
                        const json_t *node, struct error *error, struct version **version,
                        struct object_list *files)
{
    cleanup_object struct version *found = NULL;
    if (json_is_object(node) &&
        version_decode(client, question->organization, node, "read version", error, &found) != 0)
        return -1;
    if (!found || !is_asked_for(found, question->registry, question->collection, question->alias))
        return error_set(error, ERROR_NOT_FOUND, "version %s:%s: not found or no access",
                         text_or_empty(question->collection), text_or_empty(question->alias));
    if (files && file_list_whole(client, found, json_at(node, "files", NULL), files, error) != 0)
        return -1;
    *version = steal(found);
    return 0;
}

int client_get_version(struct client *client, struct call *call, const struct registry *registry,
                       struct text collection, struct text alias, struct version **version,
                       struct object_list *files)
{
    cleanup_json json_t *data = NULL;
    const json_t *node = NULL;
    const struct organization organization = {.name = registry->organization,
                                              .entity = registry->entity};
    const struct version_question question = {&organization, registry, collection, alias};
    if (ask_membership(client, call, registry, collection, alias, files != NULL, &data, &node) != 0)
        return -1;
    return version_read_answer(client, &question, node, call->error, version, files);
}
