/* SPDX-License-Identifier: MIT */
#include "file_list.h"

#include "file_decode.h"
#include "file_lookup.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "manifest.h"
#include "paging.h"

/* Each file comes with its signed URL, of which the official client asks for 5000 at a time. */
enum { FILES_PAGE = 1000 };

void file_pages_release(struct file_pages *pages)
{
    page_release(&pages->page);
}

static int add(struct object_list *found, struct artifact_file *file, struct error *error)
{
    return file ? found_add(found, file, error) : 0;
}

static int decode_page(struct client *client, const struct version *version,
                       const json_t *connection, struct file_pages *pages,
                       struct object_list *found, struct error *error)
{
    const json_t *edge;
    size_t index;
    json_array_foreach(json_at(connection, "edges", NULL), index, edge)
    {
        struct artifact_file *file;
        const json_t *node = json_at(edge, "node", NULL);
        if (!json_is_object(node))
            continue;
        pages->counted++;
        if (file_decode(client, version, node, error, &file) != 0 || add(found, file, error) != 0)
            return -1;
    }
    return page_advance(&pages->page, connection, error);
}

int file_list_whole(struct client *client, const struct version *version, const json_t *connection,
                    struct object_list *files, struct error *error)
{
    cleanup_file_pages struct file_pages pages = {0};
    const json_t *edges = json_at(connection, "edges", NULL);
    bool whole = json_is_false(json_at(connection, "pageInfo", "hasNextPage", NULL)) &&
                 json_array_size(edges) > 0 &&
                 (int64_t)json_array_size(edges) >= version->file_count;
    if (whole && decode_page(client, version, connection, &pages, files, error) != 0)
        return -1;
    if (pages.counted < version->file_count)
        object_list_release(files);
    return 0;
}

static int list_page(struct client *client, struct call *call, const struct version *version,
                     struct file_pages *pages, struct object_list *found)
{
    cleanup_json json_t *data = NULL;
    bool member = pages->route == ROUTE_MEMBERSHIP;
    json_t *variables = member ? file_membership_variables(version)
                               : json_pack("{s:o}", "id", json_from_text(version->id));
    json_t *more = json_pack("{s:o, s:i}", "cursor", json_from_text(text_of(pages->page.cursor)),
                             "perPage", FILES_PAGE);
    int merged = variables && more ? json_object_update_missing(variables, more) : -1;
    json_decref(more);
    if (merged != 0) {
        json_decref(variables);
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    }
    if (graphql_execute(client, call,
                        graphql_document(member ? "ArtifactMembershipFiles" : "ArtifactFiles"),
                        variables, &data) != 0)
        return -1;
    const json_t *connection = file_connection(data, pages->route, version, call->error);
    return connection ? decode_page(client, version, connection, pages, found, call->error) : -1;
}

/* The next page that has anything in it. Routes are not changed any more after the first page. */
static int list_pages(struct client *client, struct call *call, const struct version *version,
                      struct file_pages *pages, struct object_list *found)
{
    struct call whole = *call;
    int64_t before = pages->counted;
    whole.deadline = call_deadline(client, call);
    for (int empty = 0; empty < EMPTY_PAGES_MOST; empty++) {
        if (list_page(client, &whole, version, pages, found) != 0)
            return -1;
        pages->started = true;
        if (pages->page.done || pages->counted > before)
            return 0;
    }
    return error_set(call->error, ERROR_SERVER, "the server sends empty pages without end");
}

/* From the manifest: everything, or what is no file in the store. */
static int list_manifest(struct client *client, struct call *call, const struct version *version,
                         bool only_references, struct object_list *found)
{
    cleanup_manifest struct manifest *manifest = NULL;
    if (manifest_get(client, call, version->id, version, &manifest) != 0)
        return -1;
    for (size_t i = 0; i < manifest->files.count; i++) {
        struct artifact_file *file = manifest->files.items[i];
        if (only_references && !file->reference.bytes)
            continue;
        if (found_add(found, object_ref(file), call->error) != 0)
            return -1;
    }
    return 0;
}

/* A manifest that cannot be understood must not hide the stored files; no connection is another
 * matter, then the listing is to be tried again. */
static int add_references(struct client *client, struct call *call, const struct version *version,
                          struct object_list *found)
{
    struct error *error = call->error;
    char where[512];
    if (list_manifest(client, call, version, true, found) == 0)
        return 0;
    if (error->kind != ERROR_SERVER && error->kind != ERROR_NOT_FOUND &&
        error->kind != ERROR_FORBIDDEN)
        return -1;
    file_describe(version, text_of(""), where, sizeof where);
    client_report(client, error->kind, "list files", where, "references are missing: %s",
                  error->message);
    error_clear(error);
    return 0;
}

int client_list_files(struct client *client, struct call *call, const struct version *version,
                      struct file_pages *pages, struct object_list *found)
{
    if (!pages->started)
        pages->route = file_route_first(client);
    for (;;) {
        enum file_route route = pages->route;
        int result = route == ROUTE_MANIFEST ? list_manifest(client, call, version, false, found)
                                             : list_pages(client, call, version, pages, found);
        if (result == 0)
            break;
        /* Pages of different routes do not go together. */
        if (pages->started || !file_route_next(client, &route, call->error))
            return -1;
        pages->route = route;
    }
    pages->started = true;
    if (pages->route == ROUTE_MANIFEST)
        page_release(&pages->page);
    else if (pages->page.done && pages->counted < version->file_count)
        return add_references(client, call, version, found);
    return 0;
}
