/* SPDX-License-Identifier: MIT */
#include "file_list.h"

#include "file_decode.h"
#include "file_lookup.h"
#include "file_settle.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "manifest_fetch.h"
#include "paging.h"

/* Each file comes with its signed URL, of which the official client asks for 5000 at a time. */
enum { FILES_PAGE = 1000 };

void file_pages_release(struct file_pages *pages)
{
    page_release(&pages->page);
    manifest_unref(pages->manifest);
    pages->manifest = NULL;
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
        if (file_decode(client, version, node, error, &file) != 0)
            return -1;
        pages->left_out |= !file;
        if (file && found_add(found, file, error) != 0)
            return -1;
    }
    return page_advance(&pages->page, connection, error);
}

int file_list_whole(struct client *client, const struct version *version, const json_t *connection,
                    struct object_list *files, struct error *error)
{
    cleanup_file_pages struct file_pages pages = {0};
    if (!json_is_false(json_at(connection, "pageInfo", "hasNextPage", NULL)))
        return 0;
    if (decode_page(client, version, connection, &pages, files, error) != 0)
        return -1;
    if (pages.left_out || !files_are_whole(files, version->digest))
        object_list_release(files);
    return 0;
}

/* Needs the manifest from here on. `hint` may be NULL. */
static int need_manifest(struct client *client, struct call *call, const struct version *version,
                         struct file_pages *pages, const struct manifest_hint *hint)
{
    if (pages->manifest)
        return 0;
    return manifest_get(client, call, version->id, version, hint, &pages->manifest);
}

/* Whether all files from number `start` on are known to be stored. */
static bool all_stored(const struct object_list *found, size_t start)
{
    for (size_t i = start; i < found->count; i++) {
        if (!((const struct artifact_file *)found->items[i])->stored)
            return false;
    }
    return true;
}

/* Settles what a page added. References are not kept: the manifest has them all. */
static int settle_page(struct client *client, struct call *call, const struct version *version,
                       struct file_pages *pages, const struct manifest_hint *hint,
                       struct object_list *found, size_t start)
{
    size_t kept = start;
    if (all_stored(found, start))
        return 0;
    if (need_manifest(client, call, version, pages, hint) != 0)
        return -1;
    int result = 0;
    for (size_t i = start; i < found->count; i++) {
        struct artifact_file *file = found->items[i];
        if (result == 0)
            result = file_settle(pages->manifest, &file, call->error);
        if (file && (file->stored || pages->manifest->absent || result != 0))
            found->items[kept++] = file;
        else
            object_unref(file);
    }
    found->count = kept;
    return result;
}

/* Makes of all pages what the manifest says. */
static int finish_list(struct client *client, struct call *call, const struct version *version,
                       struct file_pages *pages, const struct manifest_hint *hint,
                       struct object_list *found)
{
    if (!pages->manifest && !pages->left_out && files_are_whole(found, version->digest))
        return 0;
    if (need_manifest(client, call, version, pages, hint) != 0)
        return -1;
    return files_join(client, version, pages->manifest, found, call->error);
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
    const struct manifest_hint hint = file_manifest_hint(data, pages->route, version);
    size_t start = found->count;
    if (!connection || decode_page(client, version, connection, pages, found, call->error) != 0)
        return -1;
    if (settle_page(client, call, version, pages, &hint, found, start) != 0)
        return -1;
    return pages->page.done ? finish_list(client, call, version, pages, &hint, found) : 0;
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

static int list_manifest(struct client *client, struct call *call, const struct version *version,
                         struct file_pages *pages, struct object_list *found)
{
    if (need_manifest(client, call, version, pages, NULL) != 0)
        return -1;
    if (pages->manifest->absent)
        return error_set(call->error, ERROR_NOT_FOUND, "its manifest: not found or no access");
    return files_join(client, version, pages->manifest, found, call->error);
}

int client_list_files(struct client *client, struct call *call, const struct version *version,
                      struct file_pages *pages, struct object_list *found)
{
    struct error refusal = {0};
    if (!pages->started)
        pages->route = file_route_first(client);
    for (;;) {
        enum file_route route = pages->route;
        int result = route == ROUTE_MANIFEST ? list_manifest(client, call, version, pages, found)
                                             : list_pages(client, call, version, pages, found);
        if (result == 0)
            break;
        /* Pages of different routes do not go together. */
        if (pages->started || !file_route_next(client, &route, call->error, &refusal))
            return -1;
        pages->route = route;
    }
    pages->started = true;
    if (pages->route == ROUTE_MANIFEST)
        page_release(&pages->page);
    return 0;
}
