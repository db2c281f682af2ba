/* SPDX-License-Identifier: MIT */
/* A version and its files as a text of our own, with which they need not be asked for again. */
#include "content.h"
#include "file_decode.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "version.h"

#define FORMAT_MEMBER "registryfs_resolved"

enum { FORMAT = 1 };

static void put_text(json_t *object, const char *name, struct text text)
{
    if (text.bytes)
        json_object_set_new(object, name, json_from_text(text));
}

static json_t *write_file(const struct artifact_file *file)
{
    char hex[2 * MD5_SIZE + 1];
    json_t *object = json_object();
    put_text(object, "path", file->path);
    json_object_set_new(object, "size", json_integer(file->size));
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", file->md5[i]);
    if (file->has_md5)
        put_text(object, "md5", text_of(hex));
    if (file->stored)
        json_object_set_new(object, "stored", json_true());
    put_text(object, "reference", file->reference);
    put_text(object, "updated_at", file->updated_at);
    put_text(object, "birth", file->birth);
    return object;
}

bool client_write_resolved(const struct client *client, const struct version *version,
                           const struct object_list *files, struct buf *text)
{
    cleanup_json json_t *root = json_object();
    json_t *list = json_array();
    json_object_set_new(root, FORMAT_MEMBER, json_integer(FORMAT));
    put_text(root, "base_url", text_of(client->base_url.text));
    put_text(root, "organization", version->organization);
    put_text(root, "entity", version->entity);
    put_text(root, "registry", version->registry);
    put_text(root, "collection", version->collection);
    json_object_set_new(root, "version", json_integer(version->index));
    put_text(root, "id", version->id);
    put_text(root, "digest", version->digest);
    put_text(root, "created_at", version->created_at);
    put_text(root, "updated_at", version->updated_at);
    json_object_set_new(root, "size", json_integer(version->size));
    json_object_set_new(root, "file_count", json_integer(version->file_count));
    for (size_t i = 0; i < files->count; i++)
        json_array_append_new(list, write_file(files->items[i]));
    bool whole = list && json_array_size(list) == files->count;
    return json_object_set_new(root, "files", list) == 0 && whole && json_write(root, text) &&
           buf_putc(text, '\n');
}

static int spoilt(struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s: make it anew with registryfs resolve -o", what);
}

static bool read_md5(struct text hex, unsigned char md5[MD5_SIZE])
{
    for (size_t i = 0; i < MD5_SIZE && hex.size == 2 * MD5_SIZE; i++) {
        unsigned byte;
        if (strspn(hex.bytes + 2 * i, "0123456789abcdef") < 2 ||
            sscanf(hex.bytes + 2 * i, "%2x", &byte) != 1)
            return false;
        md5[i] = (unsigned char)byte;
    }
    return hex.size == 2 * MD5_SIZE;
}

static int read_file(const json_t *json, struct object_list *files, struct error *error)
{
    struct json_reader reader = {.object = json};
    struct artifact_file draft = {
        .path = json_reader_text(&reader, "path"),
        .reference = json_reader_text(&reader, "reference"),
        .updated_at = json_reader_text(&reader, "updated_at"),
        .birth = json_reader_text(&reader, "birth"),
        .size = json_reader_int64(&reader, "size", -1),
        .stored = json_reader_bool(&reader, "stored", false),
    };
    struct text md5 = json_reader_text(&reader, "md5");
    draft.has_md5 = md5.bytes != NULL;
    if (reader.odd || !file_path_is_clean(draft.path) || draft.size < -1 ||
        (draft.has_md5 && !read_md5(md5, draft.md5)) || (draft.stored && draft.reference.bytes))
        return spoilt(error, "a file in it makes no sense");
    struct artifact_file *file = artifact_file_pack(&draft);
    return file && object_list_steal(files, file) ? 0
                                                  : error_set(error, ERROR_LOCAL, "out of memory");
}

static int read_version(const struct client *client, const json_t *json, struct version **version,
                        struct error *error)
{
    struct json_reader reader = {.object = json};
    struct version draft = {
        .organization = json_reader_text(&reader, "organization"),
        .entity = json_reader_text(&reader, "entity"),
        .registry = json_reader_text(&reader, "registry"),
        .collection = json_reader_text(&reader, "collection"),
        .index = json_reader_int64(&reader, "version", -1),
        .id = json_reader_text(&reader, "id"),
        .digest = json_reader_text(&reader, "digest"),
        .created_at = json_reader_text(&reader, "created_at"),
        .updated_at = json_reader_text(&reader, "updated_at"),
        .size = json_reader_int64(&reader, "size", 0),
        .file_count = json_reader_int64(&reader, "file_count", -1),
        .state = text_of("COMMITTED"),
        .history_step = -1,
    };
    struct text base_url = json_reader_text(&reader, "base_url");
    if (json_reader_int64(&reader, FORMAT_MEMBER, 0) != FORMAT)
        return spoilt(error, "no list of files that this release reads");
    if (!text_is(base_url, client->base_url.text))
        return error_set(error, ERROR_INVALID, "it was made for the server %.200s, not for %.200s",
                         text_or_empty(base_url), client->base_url.text);
    if (reader.odd || !draft.organization.size || !draft.entity.size || !draft.collection.size ||
        !draft.id.size || !draft.digest.size || draft.index < 0 ||
        registry_name_of(draft.registry).size == 0)
        return spoilt(error, "something is missing in it");
    *version = version_pack(&draft);
    return *version ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

int client_read_resolved(const struct client *client, struct buf *text, struct version **version,
                         struct object_list *files, struct error *error)
{
    char problem[160];
    cleanup_json json_t *root =
        json_parse(text, client_answer_memory(client), problem, sizeof problem);
    cleanup_object struct version *found = NULL;
    const json_t *list = json_at(root, "files", NULL), *file;
    size_t index;
    if (!root)
        return spoilt(error, problem);
    if (read_version(client, root, &found, error) != 0)
        return -1;
    if (!json_is_array(list))
        return spoilt(error, "it has no list of files");
    json_array_foreach(list, index, file)
    {
        if (read_file(file, files, error) != 0)
            return -1;
    }
    *version = steal(found);
    return 0;
}
