/* SPDX-License-Identifier: MIT */
#include "manifest_fetch.h"

#include "base/clock.h"
#include "file_decode.h"
#include "graphql.h"
#include "http.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "manifest_decode.h"

enum {
    MANIFEST_CEILING = 256 << 20,
    MOST_TRIES = 3,
    PAUSE_MS = 200, /* before the last */
};

static int refuse(const struct http_response *response, struct error *error)
{
    bool forbidden = response->status == 401 || response->status == 403;
    enum error_kind kind = forbidden ? ERROR_FORBIDDEN : ERROR_SERVER;
    error_set(error, kind, "the storage answers with status %d to the request for the manifest",
              response->status);
    error->status = response->status;
    return -1;
}

/* The text of the manifest into `response`, which is to be released in either case. */
static int download(struct client *client, struct call *call, const char *url,
                    struct http_response *response)
{
    size_t memory = client_answer_memory(client);
    const struct http_request request = {.url = url,
                                         .class = HTTP_DATA,
                                         .anonymous = true,
                                         .encoded = true,
                                         .repeatable = true,
                                         .ceiling =
                                             memory < MANIFEST_CEILING ? memory : MANIFEST_CEILING};
    struct call limited = *call;
    limited.deadline = call_deadline(client, call);
    if (http_send(client, &limited, &request, response) != 0)
        return -1;
    return response->status == 200 ? 0 : refuse(response, call->error);
}

/* What the server says of an artifact's manifest. */
struct answer {
    json_t *data;
    struct text digest; /* of the artifact */
    struct text url;    /* signed; null: it has no manifest */
};

static int ask(struct client *client, struct call *call, struct text artifact,
               struct answer *answer)
{
    json_t *variables = json_pack("{s:o}", "id", json_from_text(artifact));
    json_decref(answer->data);
    *answer = (struct answer){0};
    if (graphql_execute(client, call, graphql_document("FetchArtifactManifest"), variables,
                        &answer->data) != 0)
        return -1;
    const json_t *node = json_at(answer->data, "artifact", NULL);
    if (!json_is_object(node))
        return error_set(call->error, ERROR_NOT_FOUND, "its manifest: not found or no access");
    answer->digest = json_text_of(json_at(node, "digest", NULL));
    answer->url = json_text_of(json_at(node, "currentManifest", "file", "directUrl", NULL));
    return 0;
}

/* `text`: gets a copy of the body, which decoding changes; may be NULL. */
static int decode(struct client *client, const struct version *version, struct text digest,
                  struct http_response *response, struct buf *text, struct manifest *manifest,
                  struct error *error)
{
    char where[512];
    size_t memory = client_answer_memory(client);
    struct buf *body = &response->body;
    if (text) {
        buf_init(text, memory / 2);
        if (body->size > 0 && !buf_append(text, body->data, body->size))
            return error_set(error, ERROR_SERVER, "the manifest is larger than memory allows");
        memory -= text->size;
    }
    if (manifest_decode(client, version, body, memory, digest, manifest, error) != 0)
        return -1;
    if (!manifest->has_digest) {
        file_describe(version, text_of(""), where, sizeof where);
        client_report(client, ERROR_SERVER, "read manifest", where,
                      "the manifest does not have the artifact's digest; it is used all the same");
    }
    return 0;
}

/* Whether another URL, or the same request once more, may bring what this one did not. */
static bool may_help(const struct error *error)
{
    return error->kind != ERROR_INTERRUPTED && error->kind != ERROR_LOCAL &&
           error->kind != ERROR_BUSY;
}

/* By a URL that came with another answer first, if there is one. */
static int fetch(struct client *client, struct call *call, struct text artifact,
                 const struct version *version, const struct manifest_hint *hint,
                 struct manifest *manifest, struct buf *text)
{
    struct answer answer = {0};
    int result = -1;
    if (hint) {
        answer.url = hint->url;
        answer.digest = hint->digest;
    }
    for (unsigned tries = 0; result != 0 && tries < MOST_TRIES; tries++) {
        cleanup_http_response struct http_response response = {0};
        bool known = tries == 0 && answer.url.size > 0;
        error_clear(call->error);
        if (text)
            buf_release(text);
        if (tries > 1 && !call_sleep_until(client, call, clock_milliseconds() + PAUSE_MS))
            break;
        if (!known && ask(client, call, artifact, &answer) != 0)
            break;
        manifest->absent = answer.url.size == 0;
        if (manifest->absent)
            result = 0;
        else if (download(client, call, answer.url.bytes, &response) == 0)
            result = decode(client, version, answer.digest, &response, text, manifest, call->error);
        if (result != 0 && !may_help(call->error))
            break;
    }
    json_decref(answer.data);
    return result;
}

int manifest_get(struct client *client, struct call *call, struct text artifact,
                 const struct version *version, const struct manifest_hint *hint,
                 struct manifest **found)
{
    cleanup_manifest struct manifest *manifest = manifests_find(&client->manifests, artifact);
    if (!manifest) {
        manifest = manifest_new(artifact);
        if (!manifest)
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        if (fetch(client, call, artifact, version, hint, manifest, NULL) != 0)
            return -1;
        if (!manifest->absent)
            manifests_keep(&client->manifests, manifest);
    }
    *found = steal(manifest);
    return 0;
}

int client_read_manifest(struct client *client, struct call *call, const struct version *version,
                         struct buf *text, struct object_list *files)
{
    cleanup_manifest struct manifest *manifest = manifest_new(version->id);
    if (!manifest)
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    if (fetch(client, call, version->id, version, NULL, manifest, text) != 0)
        return -1;
    if (manifest->absent)
        return error_set(call->error, ERROR_NOT_FOUND, "the version has no manifest");
    manifests_keep(&client->manifests, manifest);
    for (size_t i = 0; i < manifest->files.count; i++) {
        if (!object_list_steal(files, object_ref(manifest->files.items[i])))
            return error_set(call->error, ERROR_LOCAL, "out of memory");
    }
    return 0;
}

struct artifact_file *manifest_find(const struct manifest *manifest, struct text path)
{
    size_t low = 0, high = manifest->files.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct artifact_file *file = manifest->files.items[middle];
        int order = text_compare(file->path, path);
        if (order == 0)
            return file;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
