/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include "file_decode.h"
#include "graphql.h"
#include "http.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"

enum { MANIFEST_CEILING = 256 << 20, KEPT = 4 };

#define STORAGE_POLICY "wandb-storage-policy-v1"

void manifests_init(struct manifests *manifests)
{
    pthread_mutex_init(&manifests->lock, NULL);
}

void manifests_release(struct manifests *manifests)
{
    for (size_t i = 0; i < KEPT; i++)
        manifest_unref(manifests->kept[i]);
    pthread_mutex_destroy(&manifests->lock);
}

void manifest_unref(struct manifest *manifest)
{
    if (!manifest || atomic_fetch_sub(&manifest->references, 1) != 1)
        return;
    object_list_release(&manifest->files);
    free(manifest->artifact);
    free(manifest->region);
    free(manifest);
}

static struct manifest *manifest_ref(struct manifest *manifest)
{
    atomic_fetch_add(&manifest->references, 1);
    return manifest;
}

static struct manifest *find_kept(struct manifests *manifests, struct text artifact)
{
    struct manifest *found = NULL;
    pthread_mutex_lock(&manifests->lock);
    for (size_t i = 0; !found && i < KEPT; i++) {
        struct manifest *kept = manifests->kept[i];
        if (kept && text_is(artifact, kept->artifact))
            found = manifest_ref(kept);
    }
    pthread_mutex_unlock(&manifests->lock);
    return found;
}

static void keep(struct manifests *manifests, struct manifest *manifest)
{
    pthread_mutex_lock(&manifests->lock);
    struct manifest **place = &manifests->kept[manifests->next++ % KEPT];
    struct manifest *old = *place;
    *place = manifest_ref(manifest);
    pthread_mutex_unlock(&manifests->lock);
    manifest_unref(old);
}

/* --- decoding --- */

struct row {
    struct text path;
    const json_t *entry;
};

static int compare_rows(const void *a, const void *b)
{
    return text_compare(((const struct row *)a)->path, ((const struct row *)b)->path);
}

/* The entries ordered by path; malloc'ed, NULL: no memory. */
static struct row *sort_rows(const json_t *contents, size_t *count)
{
    struct row *rows = malloc((json_object_size(contents) + 1) * sizeof *rows);
    const char *key;
    json_t *entry;
    *count = 0;
    if (!rows)
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)contents, key, entry)
    {
        rows[*count].path = text_of(key);
        rows[(*count)++].entry = entry;
    }
    qsort(rows, *count, sizeof *rows, compare_rows);
    return rows;
}

static bool hash_rows(struct md5 *md5, const struct row *rows, size_t count)
{
    static const char heading[] = "wandb-artifact-manifest-v1\n";
    bool well = md5_update(md5, heading, sizeof heading - 1);
    for (size_t i = 0; well && i < count; i++) {
        struct text digest = json_text_of(json_at(rows[i].entry, "digest", NULL));
        well = md5_update(md5, rows[i].path.bytes, rows[i].path.size) && md5_update(md5, ":", 1) &&
               md5_update(md5, digest.bytes, digest.size) && md5_update(md5, "\n", 1);
    }
    return well;
}

/* Whether the digest of the entries is the one that the artifact goes by. */
static bool digest_fits(const struct row *rows, size_t count, struct text expected)
{
    unsigned char digest[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1];
    struct md5 *md5 = md5_new();
    bool well = md5 && hash_rows(md5, rows, count) && md5_finish(md5, digest);
    md5_free(md5);
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return well && text_is(expected, hex);
}

static int decode_files(struct client *client, const struct version *version,
                        const struct row *rows, size_t count, struct error *error,
                        struct object_list *files)
{
    for (size_t i = 0; i < count; i++) {
        struct artifact_file *file;
        if (file_decode_entry(client, version, rows[i].path, rows[i].entry, error, &file) != 0)
            return -1;
        if (file && !object_list_steal(files, file))
            return error_set(error, ERROR_LOCAL, "out of memory");
    }
    return 0;
}

static int decode_storage(const json_t *json, struct manifest *manifest, struct error *error)
{
    const json_t *version = json_at(json, "version", NULL);
    const json_t *configuration = json_at(json, "storagePolicyConfig", NULL);
    struct text policy = json_text_of(json_at(json, "storagePolicy", NULL));
    struct text layout = json_text_of(json_at(configuration, "storageLayout", NULL));
    struct text region = json_text_of(json_at(configuration, "storageRegion", NULL));
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return error_set(error, ERROR_SERVER, "the manifest is of an unknown version");
    if (policy.size && !text_is(policy, STORAGE_POLICY))
        return error_set(error, ERROR_SERVER, "the manifest's storage policy %.100s is unknown",
                         text_or_empty(policy));
    if (layout.size && !text_is(layout, "V1") && !text_is(layout, "V2"))
        return error_set(error, ERROR_SERVER, "the manifest's storage layout %.100s is unknown",
                         text_or_empty(layout));
    manifest->layout = text_is(layout, "V2") ? MANIFEST_V2 : MANIFEST_V1;
    manifest->region = strdup(region.size ? region.bytes : "default");
    return manifest->region ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

static int decode(struct client *client, const struct version *version, const json_t *json,
                  struct text digest, struct manifest *manifest, struct error *error)
{
    const json_t *contents = json_at(json, "contents", NULL);
    size_t count;
    if (decode_storage(json, manifest, error) != 0)
        return -1;
    if (!json_is_object(contents))
        return error_set(error, ERROR_SERVER, "the manifest has no contents");
    cleanup_free struct row *rows = sort_rows(contents, &count);
    if (!rows)
        return error_set(error, ERROR_LOCAL, "out of memory");
    if (!digest_fits(rows, count, digest))
        return error_set(error, ERROR_SERVER, "the manifest does not have the artifact's digest");
    return decode_files(client, version, rows, count, error, &manifest->files);
}

/* --- fetching --- */

static int refuse(const struct http_response *response, struct error *error)
{
    enum error_kind kind = response->status == 404   ? ERROR_NOT_FOUND
                           : response->status == 403 ? ERROR_FORBIDDEN
                                                     : ERROR_SERVER;
    error_set(error, kind, "the storage answers with status %d", response->status);
    error->status = response->status;
    return -1;
}

static int download(struct client *client, struct call *call, const char *url, json_t **json)
{
    const struct http_request request = {.url = url,
                                         .class = HTTP_DATA,
                                         .anonymous = true,
                                         .repeatable = true,
                                         .ceiling = MANIFEST_CEILING};
    struct call limited = *call;
    cleanup_http_response struct http_response response;
    char problem[128];
    limited.deadline = call_deadline(client, call);
    if (http_send(client, &limited, &request, &response) != 0)
        return -1;
    if (response.status != 200)
        return refuse(&response, call->error);
    *json = json_parse(&response.body, MANIFEST_CEILING, problem, sizeof problem);
    return *json ? 0
                 : error_set(call->error, ERROR_SERVER, "the manifest cannot be read: %s", problem);
}

static int fetch(struct client *client, struct call *call, struct text artifact,
                 const struct version *version, struct manifest *manifest)
{
    cleanup_json json_t *data = NULL;
    cleanup_json json_t *json = NULL;
    json_t *variables = json_pack("{s:o}", "id", json_from_text(artifact));
    if (graphql_execute(client, call, graphql_document("FetchArtifactManifest"), variables,
                        &data) != 0)
        return -1;
    const json_t *node = json_at(data, "artifact", NULL);
    struct text url = json_text_of(json_at(node, "currentManifest", "file", "directUrl", NULL));
    if (!url.size)
        return error_set(call->error, ERROR_NOT_FOUND, "its manifest: not found or no access");
    if (download(client, call, url.bytes, &json) != 0)
        return -1;
    return decode(client, version, json, json_text_of(json_at(node, "digest", NULL)), manifest,
                  call->error);
}

int manifest_get(struct client *client, struct call *call, struct text artifact,
                 const struct version *version, struct manifest **found)
{
    cleanup_manifest struct manifest *manifest = find_kept(&client->manifests, artifact);
    if (!manifest) {
        manifest = calloc(1, sizeof *manifest);
        if (!manifest)
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        atomic_init(&manifest->references, 1);
        manifest->artifact = strdup(text_or_empty(artifact));
        if (!manifest->artifact)
            return error_set(call->error, ERROR_LOCAL, "out of memory");
        if (fetch(client, call, artifact, version, manifest) != 0)
            return -1;
        keep(&client->manifests, manifest);
    }
    *found = steal(manifest);
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
