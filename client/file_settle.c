/* SPDX-License-Identifier: MIT */
#include "file_settle.h"

#include "base/base64.h"
#include "file_decode.h"
#include "internal.h"
#include "manifest_decode.h"

static int compare_paths(const void *a, const void *b)
{
    const struct artifact_file *left = *(void *const *)a, *right = *(void *const *)b;
    return text_compare(left->path, right->path);
}

static void sort_files(struct object_list *files)
{
    if (files->count > 0)
        qsort(files->items, files->count, sizeof *files->items, compare_paths);
}

bool files_are_whole(struct object_list *files, struct text digest)
{
    struct manifest_hash hash;
    bool stored = manifest_hash_begin(&hash);
    sort_files(files);
    for (size_t i = 0; stored && i < files->count; i++) {
        const struct artifact_file *file = files->items[i];
        char text[BASE64_ROOM(MD5_SIZE)];
        base64_encode((const char *)file->md5, MD5_SIZE, text);
        stored =
            file->stored && file->has_md5 && manifest_hash_add(&hash, file->path, text_of(text));
    }
    return manifest_hash_fits(&hash, digest) && stored;
}

/* A node that the manifest calls stored, with the URL and date that the server gives. */
static struct artifact_file *with_url_of(const struct artifact_file *node,
                                         const struct artifact_file *entry)
{
    struct artifact_file draft = *entry;
    draft.url = node->url;
    draft.updated_at = node->updated_at;
    return artifact_file_pack(&draft);
}

static struct artifact_file *as_reference(const struct artifact_file *node)
{
    struct artifact_file draft = *node;
    draft.reference = node->url.bytes ? node->url : text_of("");
    draft.url = (struct text){0};
    draft.has_md5 = false;
    if (draft.size < 0)
        draft.size = 0;
    return artifact_file_pack(&draft);
}

int file_settle(const struct manifest *manifest, struct artifact_file **file, struct error *error)
{
    struct artifact_file *node = *file, *found = NULL;
    const struct artifact_file *entry = manifest_find(manifest, node->path);
    if (manifest->absent)
        found = node->stored ? object_ref(node) : as_reference(node);
    else if (entry && !entry->stored)
        found = object_ref(entry);
    else if (entry)
        found = node->stored ? object_ref(node) : with_url_of(node, entry);
    object_unref(node);
    *file = found;
    if (found || (!entry && !manifest->absent))
        return 0;
    return error_set(error, ERROR_LOCAL, "out of memory");
}

static void report_extra(struct client *client, const struct version *version, size_t extra)
{
    char where[512];
    if (extra == 0)
        return;
    file_describe(version, text_of(""), where, sizeof where);
    client_report(client, ERROR_SERVER, "list files", where,
                  "%zu files that the manifest does not name are left out", extra);
}

int files_join(struct client *client, const struct version *version,
               const struct manifest *manifest, struct object_list *files, struct error *error)
{
    cleanup_object_list struct object_list joined = {0};
    size_t next = 0, extra = 0;
    sort_files(files);
    if (manifest->absent)
        return 0;
    for (size_t i = 0; i < manifest->files.count; i++) {
        const struct artifact_file *entry = manifest->files.items[i], *node = NULL;
        int order = -1;
        while (next < files->count && order < 0) {
            node = files->items[next];
            order = text_compare(node->path, entry->path);
            next += order <= 0;
            extra += order < 0;
        }
        if (!object_list_steal(&joined, object_ref(entry->stored && order == 0 ? node : entry)))
            return error_set(error, ERROR_LOCAL, "out of memory");
    }
    report_extra(client, version, extra + files->count - next);
    object_list_release(files);
    *files = joined;
    joined = (struct object_list){0};
    return 0;
}
