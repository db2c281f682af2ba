/* SPDX-License-Identifier: MIT */
/* content.h without a network: a few files in folders, references, bytes made of their offset. */
#include "content.h"

#include "base/banned.h"
#include "server.h"

#define AT(member) ((int)offsetof(struct artifact_file, member))

enum { PIECE = 10000 };

static const struct object_layout layout = {
    sizeof(struct artifact_file),
    (const int[]){AT(path), AT(reference), AT(updated_at), AT(url), AT(birth), AT(stored_in), -1},
    (const int[]){-1}};

static const struct {
    const char *path, *reference;
    int64_t size;
} files[] = {
    {"a.txt", NULL, 100},
    {"clash", NULL, 5},
    {"clash/inside", NULL, 200000},
    {"folder/deep/large.bin", NULL, 12 << 20},
    {"folder/empty", NULL, 0},
    {"link", "wandb-artifact://00/a.txt", 100},
    {"remote", "s3://bucket/key", 7},
};

struct file_source {
    uint64_t size;
};

static struct artifact_file *make_file(size_t i, bool resolved)
{
    struct artifact_file file = {.path = text_of(files[i].path),
                                 .reference = text_of(files[i].reference),
                                 .size = files[i].size};
    file.stored = resolved || !file.reference.bytes;
    if (resolved) {
        file.stored_in = text_of("id\na.txt");
    }
    return object_pack(&file, &layout);
}

void file_pages_release(struct file_pages *pages)
{
    (void)pages;
}

int client_list_files(struct client *client, struct call *call, const struct version *version,
                      struct file_pages *pages, struct object_list *found)
{
    (void)client, (void)version;
    if (server_travel(call) != 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!object_list_steal(found, make_file(i, false)))
            return error_set(call->error, ERROR_LOCAL, "no memory");
    }
    pages->page.done = true;
    return 0;
}

int client_get_file(struct client *client, struct call *call, const struct version *version,
                    struct text path, struct artifact_file **file)
{
    (void)client, (void)version;
    if (server_travel(call) != 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (text_is(path, files[i].path) && !files[i].reference) {
            *file = make_file(i, false);
            return 0;
        }
    }
    return error_set(call->error, ERROR_NOT_FOUND, "not there");
}

bool reference_is_followed(struct text reference)
{
    return reference.bytes[0] == 'w';
}

int client_resolve_file(struct client *client, struct call *call, const struct version *version,
                        const struct artifact_file *file, struct artifact_file **resolved)
{
    (void)client, (void)version;
    if (server_travel(call) != 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (text_is(file->path, files[i].path))
            *resolved = make_file(i, true);
    }
    return 0;
}

int file_source_new(struct client *client, const struct version *version,
                    const struct artifact_file *file, struct error *error,
                    struct file_source **source)
{
    (void)client, (void)version;
    if (file->reference.bytes && !file->stored_in.bytes)
        return error_set(error, ERROR_REMOTE, "elsewhere");
    *source = malloc(sizeof **source);
    if (!*source)
        return error_set(error, ERROR_LOCAL, "no memory");
    **source = (struct file_source){.size = (uint64_t)file->size};
    return 0;
}

void file_source_free(struct file_source *source)
{
    free(source);
}

uint64_t file_source_size(const struct file_source *source)
{
    return source->size;
}

const unsigned char *file_source_md5(const struct file_source *source)
{
    (void)source;
    return NULL;
}

void file_source_distrust(struct file_source *source)
{
    (void)source;
}

unsigned client_content_ways(const struct client *client)
{
    (void)client;
    return 2;
}

uint64_t client_content_alignment(const struct client *client)
{
    (void)client;
    return 0;
}

int file_source_read(struct file_source *source, struct call *call, uint64_t offset,
                     uint64_t length, content_sink *sink, void *context)
{
    char piece[PIECE];
    (void)source;
    while (length > 0) {
        size_t size = length < PIECE ? (size_t)length : PIECE;
        for (size_t i = 0; i < size; i++)
            piece[i] = (char)((offset + i) % 251);
        if (offset % 7 == 0 && server_travel(call) != 0)
            return -1;
        if (!sink(context, piece, size))
            return error_set(call->error, ERROR_INTERRUPTED, "not wanted");
        offset += size;
        length -= size;
    }
    return 0;
}
