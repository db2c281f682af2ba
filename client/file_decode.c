/* SPDX-License-Identifier: MIT */
#include "file_decode.h"

#include "base/base64.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"

#include <strings.h>

#define AT(member) (int)offsetof(struct artifact_file, member)

static const struct object_layout layout = {
    .size = sizeof(struct artifact_file),
    .texts = (const int[]){AT(path), AT(reference), AT(updated_at), AT(url), AT(birth),
                           AT(stored_in), -1},
    .text_lists = (const int[]){-1},
};

struct artifact_file *artifact_file_pack(const struct artifact_file *borrowed)
{
    return object_pack(borrowed, &layout);
}

bool file_path_is_clean(struct text path)
{
    size_t start = 0;
    for (size_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.bytes[i] != '/')
            continue;
        size_t length = i - start;
        if (length == 0 || (length <= 2 && memcmp(path.bytes + start, "..", length) == 0))
            return false;
        start = i + 1;
    }
    return true;
}

void file_describe(const struct version *version, struct text path, char *out, size_t size)
{
    snprintf(out, size, "%s/%s/%s:v%lld/%s", text_or_empty(version->entity),
             text_or_empty(version->registry), text_or_empty(version->collection),
             (long long)version->index, text_or_empty(path));
}

static void pass_over(struct client *client, const struct version *version, struct text path,
                      const char *reason)
{
    char where[512];
    file_describe(version, path, where, sizeof where);
    client_report(client, ERROR_SERVER, "list files", where, "%s", reason);
}

/* Base64 of the MD5; anything else is no digest that content could be compared with. */
static void take_md5(struct artifact_file *file, struct text digest)
{
    file->has_md5 = digest.size > 0 && base64_decode(digest.bytes, digest.size, (char *)file->md5,
                                                     MD5_SIZE) == MD5_SIZE;
}

static int finish(struct client *client, const struct version *version,
                  const struct artifact_file *draft, const char *odd, struct error *error,
                  struct artifact_file **file)
{
    char where[512];
    *file = NULL;
    if (!file_path_is_clean(draft->path)) {
        pass_over(client, version, draft->path, "a file whose path is not clean is left out");
        return 0;
    }
    if (odd) {
        file_describe(version, draft->path, where, sizeof where);
        client_report(client, ERROR_SERVER, "list files", where,
                      "the server's %s is of an unexpected type and ignored", odd);
    }
    *file = artifact_file_pack(draft);
    return *file ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

/* Whether a node is certainly of a stored file: of a reference the server shows the reference
 * itself as both URLs, or one that it signed and no other, or no digest of content (protocol 8.1).
 */
static bool is_stored(struct client *client, const struct artifact_file *draft, struct text url)
{
    const struct base_url *base = &client->base_url;
    bool http = draft->url.bytes && (strncasecmp(draft->url.bytes, "http://", 7) == 0 ||
                                     strncasecmp(draft->url.bytes, "https://", 8) == 0);
    if (!draft->has_md5 || !http || !url.size || text_equal(url, draft->url))
        return false;
    enum url_place place = base_url_place(base, url.bytes);
    return place == URL_BELOW || place == URL_SAME_HOST;
}

int file_decode(struct client *client, const struct version *version, const json_t *node,
                struct error *error, struct artifact_file **file)
{
    struct json_reader reader = {.object = node};
    struct artifact_file draft = {
        .path = json_reader_text(&reader, "displayName"),
        .updated_at = json_reader_text(&reader, "updatedAt"),
        .url = json_reader_text(&reader, "directUrl"),
        .size = json_reader_int64(&reader, "sizeBytes", -1),
    };
    struct text md5 = json_reader_text(&reader, "md5");
    take_md5(&draft, md5.size ? md5 : json_reader_text(&reader, "digest"));
    if (draft.size < 0)
        draft.size = -1;
    if (draft.url.size == 0)
        draft.url = (struct text){0};
    draft.stored = is_stored(client, &draft, json_reader_text(&reader, "url"));
    return finish(client, version, &draft, reader.odd, error, file);
}

int file_decode_entry(struct client *client, const struct version *version, struct text path,
                      const json_t *entry, struct error *error, struct artifact_file **file)
{
    struct json_reader reader = {.object = entry};
    struct artifact_file draft = {
        .path = path,
        .reference = json_reader_text(&reader, "ref"),
    };
    *file = NULL;
    if (!json_is_object(entry)) {
        pass_over(client, version, path, "a manifest entry that is no object is left out");
        return 0;
    }
    if (reader.odd) {
        pass_over(client, version, path, "a manifest entry whose ref is no text is left out");
        return 0;
    }
    if (draft.reference.size == 0)
        draft.reference = (struct text){0};
    draft.stored = !draft.reference.bytes;
    draft.birth = json_reader_text(&reader, "birthArtifactID");
    /* References may come without a size; of stored files it is needed. */
    draft.size = json_reader_int64(&reader, "size", draft.reference.bytes ? 0 : -1);
    if (draft.size < 0)
        draft.size = draft.reference.bytes ? 0 : -1;
    if (!draft.reference.bytes)
        take_md5(&draft, json_reader_text(&reader, "digest"));
    return finish(client, version, &draft, reader.odd, error, file);
}
