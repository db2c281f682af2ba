/* SPDX-License-Identifier: MIT */
/*
 * Changes registries: create, save, rename, delete (protocol 5.3 - 5.5, design 3).
 *
 * No mutation is sent twice. After any answer but a plain success (lost, cut
 * off, an error in words or numbers) the registry is read again: where exactly
 * what was wanted is there and was not before, it was done.
 */
#include "base/clock.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "mutation.h"
#include "registry.h"
#include "server_features.h"

/* Reads the registry again after a mutation; its failure is not the caller's error. NULL: not there
 * or not readable; *gone tells which. */
static struct registry *read_again(struct client *client, const struct call *call,
                                   const struct registry *saved, struct text name, bool *gone)
{
    struct error error = {0};
    struct registry *now = NULL;
    const struct organization organization = {.name = saved->organization, .entity = saved->entity};
    struct call again = {.cancelled = call->cancelled, .deadline = call->deadline, .error = &error};
    int result = client_get_registry(client, &again, &organization, name, &now);
    *gone = result != 0 && error.kind == ERROR_NOT_FOUND;
    return now;
}

/* The registry in an answer; when it is missing there, as the server has it now. */
static struct registry *registry_of_answer(struct client *client, struct call *call,
                                           const json_t *project, const struct registry *saved,
                                           struct text name, const char *operation)
{
    struct registry *now = NULL;
    bool gone;
    struct error error = {0};
    struct call decoding = {
        .cancelled = call->cancelled, .deadline = call->deadline, .error = &error};
    const struct organization organization = {.name = saved->organization, .entity = saved->entity};
    if (json_is_object(project) &&
        registry_decode(client, &decoding, &organization, project, operation, &now) == 0 && now &&
        text_equal(now->name, name))
        return now;
    object_unref(now);
    return read_again(client, call, saved, name, &gone);
}

/* Whether the registry is there, asked freshly: 1, 0, or -1 with the error set. */
static int exists(struct client *client, struct call *call, const struct organization *organization,
                  struct text name)
{
    cleanup_object struct registry *registry = NULL;
    if (client_get_registry(client, call, organization, name, &registry) == 0)
        return 1;
    if (call->error->kind != ERROR_NOT_FOUND)
        return -1;
    error_clear(call->error);
    return 0;
}

static int refuse_existing(struct call *call, struct text name)
{
    return error_set(call->error, ERROR_EXISTS, "registry %s exists already", text_or_empty(name));
}

static int fail_loudly(struct client *client, struct call *call, enum error_kind kind,
                       const char *operation, struct text name, const char *message)
{
    client_report(client, kind, operation, text_or_empty(name), "%s", message);
    return error_set(call->error, kind, "registry %s: %s", text_or_empty(name), message);
}

static const char *access_of(enum registry_visibility visibility)
{
    return visibility == VISIBILITY_RESTRICTED ? "RESTRICTED" : "PRIVATE";
}

/* --- create --- */

static int send_create(struct client *client, struct call *call, const struct registry *wanted,
                       json_t **payload)
{
    cleanup_json json_t *data = NULL;
    struct call limited = mutation_call(client, call);
    json_t *variables = json_pack(
        "{s:{s:o, s:o, s:s, s:b}}", "input", "entityName", json_from_text(wanted->entity), "name",
        json_from_text(wanted->full_name), "access", access_of(wanted->visibility),
        "allowAllArtifactTypesInRegistry", (int)wanted->allow_all_artifact_types);
    if (graphql_execute(client, &limited, graphql_document("UpsertRegistry"), variables, &data))
        return -1;
    *payload = json_incref(json_object_get(data, "upsertModel"));
    return 0;
}

/* Whether it was changed since it was made: then the lost upsert may have met somebody else's. */
static bool was_changed(const struct registry *now)
{
    return now->updated_at.size > 0 && !text_equal(now->updated_at, now->created_at);
}

/* A registry that is there now as it was wanted is ours, since it was not there before; unless the
 * answer says that somebody else was first. */
static int settle_create(struct client *client, struct call *call, const struct registry *wanted,
                         struct registry **created)
{
    bool gone;
    if (!mutation_has_arrived(call->error) || call->error->kind == ERROR_EXISTS)
        return -1;
    cleanup_object struct registry *now = read_again(client, call, wanted, wanted->name, &gone);
    if (!now)
        return mutation_failed(call, gone);
    if (now->visibility != wanted->visibility || !now->allow_all_artifact_types || was_changed(now))
        return error_wrap(call->error, "the registry is there, but not as asked for; the answer "
                                       "was");
    *created = steal(now);
    return mutation_done_all_the_same(client, call, "create registry", wanted->name);
}

static int create(struct client *client, struct call *call, const struct registry *wanted,
                  struct registry **created)
{
    cleanup_json json_t *payload = NULL;
    int result = send_create(client, call, wanted, &payload);
    if (result == 0 && !json_is_object(payload)) {
        result = error_set(call->error, ERROR_SERVER, "the server does not say what it has done");
        call->error->maybe_applied = true;
    }
    if (result != 0)
        return settle_create(client, call, wanted, created);
    if (!json_is_true(json_object_get(payload, "inserted")))
        return fail_loudly(
            client, call, ERROR_EXISTS, "create registry", wanted->name,
            "somebody created it at the same moment, and the server has applied "
            "visibility restricted and allow_all_artifact_types true of this attempt "
            "to it; look at them");
    *created = registry_of_answer(client, call, json_object_get(payload, "project"), wanted,
                                  wanted->name, "create registry");
    if (!*created)
        return error_set(call->error, ERROR_SERVER,
                         "registry %s is created, but the server does not show it",
                         wanted->name.bytes);
    return 0;
}

/*
 * The server knows no create that leaves alone what is there already: who loses a race has changed
 * the other's registry. So the create asks for the narrower visibility, and what is ours without
 * doubt is opened afterwards. Takes over the reference.
 */
static int open_created(struct client *client, struct call *call, struct registry *closed,
                        enum registry_visibility visibility, struct registry **created)
{
    cleanup_object struct registry *saved = closed;
    cleanup_object struct registry *now = NULL;
    const struct registry_change change = {.visibility = &visibility};
    if (client_save_registry(client, call, saved, &change, &now) != 0)
        return error_wrap(call->error, "registry %s is created and still restricted",
                          text_or_empty(saved->name));
    *created = steal(now);
    return 0;
}

int client_create_registry(struct client *client, struct call *call,
                           const struct organization *organization, struct text name,
                           enum registry_visibility visibility, struct registry **created)
{
    if (registry_check_name(name, call->error) != 0)
        return -1;
    int there = exists(client, call, organization, name);
    if (there != 0)
        return there < 0 ? -1 : refuse_existing(call, name);
    cleanup_free char *full_name = registry_full_name(name);
    if (!full_name)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    const struct registry wanted = {
        .name = name,
        .full_name = text_of(full_name),
        .organization = organization->name,
        .entity = organization->entity,
        .visibility = VISIBILITY_RESTRICTED,
        .allow_all_artifact_types = true,
    };
    struct registry *closed = NULL;
    if (create(client, call, &wanted, &closed) != 0)
        return -1;
    if (visibility == VISIBILITY_RESTRICTED) {
        *created = closed;
        return 0;
    }
    return open_created(client, call, closed, visibility, created);
}

/* --- save --- */

static int check_change(const struct registry *saved, const struct registry_change *change,
                        struct error *error)
{
    const struct texts *types = change->new_artifact_types;
    bool allow_all = change->allow_all_artifact_types ? *change->allow_all_artifact_types
                                                      : saved->allow_all_artifact_types;
    for (size_t i = 0; types && i < types->count; i++) {
        if (registry_check_artifact_type(types->items[i], error) != 0)
            return -1;
    }
    if (types && types->count > 0 && allow_all)
        return error_set(error, ERROR_INVALID,
                         "registry %s allows all artifact types: write false to "
                         "allow_all_artifact_types before types are added",
                         saved->name.bytes);
    return 0;
}

static json_t *types_input(const struct texts *types)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < types->count; i++) {
        json_t *type = json_pack("{s:o}", "name", json_from_text(types->items[i]));
        if (json_array_append_new(list, type) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Only what changes is sent: absent members leave a project as it is (design 3). */
static json_t *save_variables(const struct registry *saved, const struct registry_change *change)
{
    json_t *input = json_pack("{s:o, s:o}", "entityName", json_from_text(saved->entity), "name",
                              json_from_text(saved->full_name));
    bool fits = input != NULL;
    if (change->description) { /* emptied by "": what null does is not known (protocol 5.4) */
        struct text text = change->description->bytes ? *change->description : text_of("");
        fits &= json_object_set_new(input, "description", json_from_text(text)) == 0;
    }
    if (change->visibility)
        fits &=
            json_object_set_new(input, "access", json_string(access_of(*change->visibility))) == 0;
    if (change->allow_all_artifact_types)
        fits &= json_object_set_new(input, "allowAllArtifactTypesInRegistry",
                                    json_boolean(*change->allow_all_artifact_types)) == 0;
    if (change->new_artifact_types)
        fits &= json_object_set_new(input, "artifactTypes",
                                    types_input(change->new_artifact_types)) == 0;
    if (!fits) {
        json_decref(input);
        return NULL;
    }
    return json_pack("{s:o}", "input", input);
}

static bool types_are_there(const struct registry *now, const struct texts *types)
{
    for (size_t i = 0; i < types->count; i++) {
        if (!registry_has_type(&now->artifact_types, types->items[i]))
            return false;
    }
    return true;
}

/* Whether the server has what was sent. */
static bool is_applied(const struct registry *now, const struct registry_change *change)
{
    return (!change->description || text_equal(now->description, *change->description)) &&
           (!change->visibility || now->visibility == *change->visibility) &&
           (!change->allow_all_artifact_types ||
            now->allow_all_artifact_types == *change->allow_all_artifact_types) &&
           (!change->new_artifact_types || types_are_there(now, change->new_artifact_types));
}

/* Whether the server took nothing of it, although it said so. A text that it stored in another form
 * counts as taken. */
static bool is_ignored(const struct registry *saved, const struct registry *now,
                       const struct registry_change *change)
{
    if (is_applied(now, change))
        return false;
    return !change->description || text_equal(now->description, saved->description);
}

/* Attributes that this save did not touch should be as they were read before. */
static void report_differences(struct client *client, const struct registry *saved,
                               const struct registry *now, const struct registry_change *change)
{
    const struct {
        const char *attribute;
        bool differs;
    } rows[] = {
        {"description", !change->description && !text_equal(saved->description, now->description)},
        {"visibility", !change->visibility && saved->visibility != now->visibility},
        {"allow_all_artifact_types",
         !change->allow_all_artifact_types &&
             saved->allow_all_artifact_types != now->allow_all_artifact_types},
        {"artifact_types", !change->new_artifact_types &&
                               !registry_types_equal(&saved->artifact_types, &now->artifact_types)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].differs)
            client_report(client, ERROR_STALE, "save registry", text_or_empty(saved->name),
                          "%s has been changed by somebody else meanwhile; that change stays",
                          rows[i].attribute);
    }
}

/* After a failure: what the server has now, and whether that is a success. */
static int settle_save(struct client *client, struct call *call, const struct registry *saved,
                       const struct registry_change *change, struct registry **now)
{
    bool gone;
    if (!mutation_has_arrived(call->error))
        return -1;
    *now = read_again(client, call, saved, saved->name, &gone);
    if (!*now || !is_applied(*now, change) || is_applied(saved, change))
        return mutation_failed(call, *now || gone);
    report_differences(client, saved, *now, change);
    return mutation_done_all_the_same(client, call, "save registry", saved->name);
}

int client_save_registry(struct client *client, struct call *call, const struct registry *saved,
                         const struct registry_change *change, struct registry **now)
{
    cleanup_json json_t *data = NULL;
    *now = NULL;
    bool with_types = change->new_artifact_types && change->new_artifact_types->count > 0;
    if (check_change(saved, change, call->error) != 0)
        return -1;
    if (with_types &&
        features_require(client, call, FEATURE_INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION) != 0)
        return -1;
    struct call limited = mutation_call(client, call);
    if (graphql_execute(client, &limited, graphql_document("UpsertRegistry"),
                        save_variables(saved, change), &data) != 0)
        return settle_save(client, call, saved, change, now);
    const json_t *payload = json_object_get(data, "upsertModel");
    *now = registry_of_answer(client, call, json_object_get(payload, "project"), saved, saved->name,
                              "save registry");
    if (json_is_true(json_object_get(payload, "inserted")))
        return fail_loudly(client, call, ERROR_STALE, "save registry", saved->name,
                           "somebody deleted it meanwhile, and the server has made a new, empty "
                           "one of this save; delete that one if it is not wanted");
    if (!*now)
        return error_set(call->error, ERROR_SERVER,
                         "registry %s is saved, but the server does not show it",
                         saved->name.bytes);
    if (is_ignored(saved, *now, change))
        return error_set(call->error, ERROR_SERVER,
                         "the server accepted the change of registry %s and did not make it",
                         saved->name.bytes);
    report_differences(client, saved, *now, change);
    return 0;
}

/* --- rename --- */

static int send_rename(struct client *client, struct call *call, const struct registry *saved,
                       struct text new_name, json_t **payload)
{
    cleanup_json json_t *data = NULL;
    cleanup_free char *full_name = registry_full_name(new_name);
    struct call limited = mutation_call(client, call);
    if (!full_name)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    json_t *variables =
        json_pack("{s:{s:o, s:o, s:o}}", "input", "entityName", json_from_text(saved->entity),
                  "oldProjectName", json_from_text(saved->full_name), "newProjectName",
                  json_from_text(text_of(full_name)));
    if (graphql_execute(client, &limited, graphql_document("RenameRegistry"), variables, &data))
        return -1;
    *payload = json_incref(json_object_get(data, "renameProject"));
    return 0;
}

/* After a failure. It was a success when the registry is under the new name, where none was before,
 * and no longer under the old one. */
static int settle_rename(struct client *client, struct call *call, const struct registry *saved,
                         struct text new_name, struct registry **now)
{
    bool gone;
    if (!mutation_has_arrived(call->error))
        return -1;
    *now = read_again(client, call, saved, saved->name, &gone);
    if (!gone)
        return mutation_failed(call, *now != NULL);
    *now = read_again(client, call, saved, new_name, &gone);
    if (!*now)
        return mutation_failed(call, gone);
    if (saved->created_at.bytes && !text_equal((*now)->created_at, saved->created_at)) {
        object_unref(*now); /* somebody has removed the one and made the other */
        *now = NULL;
        return mutation_failed(call, true);
    }
    return mutation_done_all_the_same(client, call, "rename registry", new_name);
}

int client_rename_registry(struct client *client, struct call *call, const struct registry *saved,
                           struct text new_name, struct registry **now)
{
    const struct organization organization = {.name = saved->organization, .entity = saved->entity};
    cleanup_json json_t *payload = NULL;
    *now = NULL;
    if (text_equal(saved->name, new_name)) {
        *now = object_ref(saved);
        return 0;
    }
    if (registry_check_name(new_name, call->error) != 0)
        return -1;
    int there = exists(client, call, &organization, new_name);
    if (there != 0)
        return there < 0 ? -1 : refuse_existing(call, new_name);
    if (send_rename(client, call, saved, new_name, &payload) != 0)
        return settle_rename(client, call, saved, new_name, now);
    *now = registry_of_answer(client, call, json_object_get(payload, "project"), saved, new_name,
                              "rename registry");
    if (!*now)
        return error_set(call->error, ERROR_SERVER,
                         "registry %s is renamed, but the server does not show it under its new "
                         "name",
                         saved->name.bytes);
    return 0;
}

/* --- delete --- */

int client_delete_registry(struct client *client, struct call *call,
                           const struct registry *registry)
{
    cleanup_json json_t *data = NULL;
    struct call limited = mutation_call(client, call);
    json_t *variables = json_pack("{s:o}", "id", json_from_text(registry->id));
    if (graphql_execute(client, &limited, graphql_document("DeleteRegistry"), variables, &data)) {
        bool gone = false;
        if (!mutation_has_arrived(call->error))
            return -1;
        cleanup_object struct registry *now =
            read_again(client, call, registry, registry->name, &gone);
        if (!gone)
            return mutation_failed(call, now != NULL);
        return mutation_done_all_the_same(client, call, "delete registry", registry->name);
    }
    if (!json_is_true(json_at(data, "deleteModel", "success", NULL)))
        return error_set(call->error, ERROR_SERVER,
                         "the server did not delete registry %s and does not say why",
                         registry->name.bytes);
    return 0;
}
