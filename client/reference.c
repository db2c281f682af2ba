/* SPDX-License-Identifier: MIT */
/* References to files of other versions (protocol 8.5). */
#include "base/base64.h"
#include "file_decode.h"
#include "file_lookup.h"
#include "graphql.h"
#include "json_reader.h"
#include "json_text.h"
#include "manifest_fetch.h"

enum {
    MOST_STEPS = 8, /* references that lead to references; more is a circle, or as good as one */
    ID_CEILING = 1024,
};

#define BY_ARTIFACT  "wandb-artifact://"
#define BY_CLIENT_ID "wandb-client-artifact://"

/* Where a reference leads. */
struct target {
    char *artifact;             /* id */
    struct artifact_file *file; /* a reference */
};

static void target_release(struct target *target)
{
    free(target->artifact);
    object_unref(target->file);
    *target = (struct target){0};
}

/* What follows the prefix; null when it is another one. */
static struct text after_prefix(struct text reference, const char *prefix)
{
    size_t size = strlen(prefix);
    if (reference.size < size || memcmp(reference.bytes, prefix, size) != 0)
        return (struct text){0};
    return (struct text){reference.bytes + size, reference.size - size};
}

bool reference_is_followed(struct text reference)
{
    return after_prefix(reference, BY_ARTIFACT).bytes ||
           after_prefix(reference, BY_CLIENT_ID).bytes;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* The artifact's id of its hexadecimal form; malloc'ed, NULL: it is none. */
static char *id_of_hex(struct text hex)
{
    char bytes[ID_CEILING];
    if (hex.size == 0 || hex.size % 2 != 0 || hex.size / 2 > sizeof bytes)
        return NULL;
    for (size_t i = 0; i < hex.size; i += 2) {
        int high = hex_value(hex.bytes[i]), low = hex_value(hex.bytes[i + 1]);
        if (high < 0 || low < 0)
            return NULL;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    char *id = malloc(BASE64_ROOM(hex.size / 2));
    if (id)
        base64_encode(bytes, hex.size / 2, id);
    return id;
}

static int map_client_id(struct client *client, struct call *call, struct text client_id, char **id)
{
    cleanup_json json_t *data = NULL;
    json_t *variables = json_pack("{s:o}", "clientID", json_from_text(client_id));
    if (graphql_execute(client, call, graphql_document("ClientIDMapping"), variables, &data) != 0)
        return -1;
    struct text server_id = json_text_of(json_at(data, "clientIDMapping", "serverID", NULL));
    if (server_id.size == 0)
        return error_set(call->error, ERROR_NOT_FOUND, "no artifact has the client id %.100s",
                         text_or_empty(client_id));
    *id = strdup(server_id.bytes);
    return *id ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

/* Splits a reference into the artifact's id and the path in it, which is borrowed. */
static int parse(struct client *client, struct call *call, struct text reference, char **id,
                 struct text *path)
{
    struct text rest = after_prefix(reference, BY_ARTIFACT);
    bool by_client_id = !rest.bytes;
    if (by_client_id)
        rest = after_prefix(reference, BY_CLIENT_ID);
    const char *slash = rest.size ? memchr(rest.bytes, '/', rest.size) : NULL;
    if (!slash)
        return error_set(call->error, ERROR_SERVER, "the reference %.200s cannot be read",
                         text_or_empty(reference));
    struct text owner = {rest.bytes, (size_t)(slash - rest.bytes)};
    *path = (struct text){slash + 1, rest.size - owner.size - 1};
    if (!file_path_is_clean(*path))
        return error_set(call->error, ERROR_SERVER, "the path of the reference %.200s is not clean",
                         text_or_empty(reference));
    if (by_client_id)
        return map_client_id(client, call, owner, id);
    *id = id_of_hex(owner);
    return *id ? 0
               : error_set(call->error, ERROR_SERVER, "the reference %.200s names no artifact",
                           text_or_empty(reference));
}

/* The file there, stored or a reference itself. */
static int find(struct client *client, struct call *call, const struct version *version,
                struct text artifact, struct text path, struct artifact_file **file)
{
    cleanup_manifest struct manifest *manifest = NULL;
    if (file_route_first(client) != ROUTE_MANIFEST) {
        if (file_lookup(client, call, version, artifact, ROUTE_ARTIFACT, path, file) == 0) {
            if (*file)
                return 0;
        } else if (!call->error->invalid_query) {
            return -1;
        }
        error_clear(call->error);
    }
    if (manifest_get(client, call, artifact, version, NULL, &manifest) != 0)
        return -1;
    *file = object_ref(manifest_find(manifest, path));
    return *file ? 0
                 : error_set(call->error, ERROR_NOT_FOUND, "the reference leads to no file: %.200s",
                             text_or_empty(path));
}

static int step(struct client *client, struct call *call, const struct version *version,
                struct text reference, struct target *target)
{
    char *id = NULL;
    struct text path;
    struct artifact_file *file = NULL;
    int result = parse(client, call, reference, &id, &path);
    if (result == 0)
        result = find(client, call, version, text_of(id), path, &file);
    /* The reference may be part of what is let go here. */
    target_release(target);
    target->artifact = id;
    target->file = file;
    return result;
}

static int follow(struct client *client, struct call *call, const struct version *version,
                  struct text reference, struct target *target)
{
    for (int steps = 0; steps < MOST_STEPS; steps++) {
        if (!reference_is_followed(reference))
            return error_set(call->error, ERROR_REMOTE, "the reference ends outside of W&B");
        if (step(client, call, version, reference, target) != 0)
            return -1;
        if (target->file->stored)
            return 0;
        reference = target->file->reference;
    }
    return error_set(call->error, ERROR_SERVER, "the reference leads to nothing but references");
}

int client_resolve_file(struct client *client, struct call *call, const struct version *version,
                        const struct artifact_file *file, struct artifact_file **resolved)
{
    cleanup(target_release) struct target target = {0};
    if (follow(client, call, version, file->reference, &target) != 0)
        return -1;
    /* A size of 0 is that of a reference without one. */
    if (file->size > 0 && target.file->size != file->size)
        return error_set(call->error, ERROR_SERVER,
                         "the reference and what it leads to differ in size");
    struct text path = target.file->path;
    cleanup_free char *stored_in = NULL;
    if (asprintf(&stored_in, "%s\n%.*s", target.artifact, (int)path.size, path.bytes) < 0) {
        stored_in = NULL; /* it says nothing then */
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    }
    struct artifact_file draft = *file;
    draft.stored = true;
    draft.stored_in = text_of(stored_in);
    draft.url = target.file->url;
    draft.size = target.file->size;
    draft.has_md5 = target.file->has_md5;
    memcpy(draft.md5, target.file->md5, MD5_SIZE);
    *resolved = artifact_file_pack(&draft);
    return *resolved ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}
