/* SPDX-License-Identifier: MIT */
#include "paging.h"

#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"

void page_release(struct page *page)
{
    free(page->cursor);
    free(page->milestone);
    *page = (struct page){.done = true};
}

static bool same(const char *cursor, struct text text)
{
    return cursor && text_is(text, cursor);
}

int page_advance(struct page *page, const json_t *connection, struct error *error)
{
    const json_t *info = json_at(connection, "pageInfo", NULL);
    struct text next = json_text_of(json_at(info, "endCursor", NULL));
    if (!json_is_true(json_at(info, "hasNextPage", NULL))) {
        page_release(page);
        return 0;
    }
    next = text_of(next.bytes); /* up to a NUL, since that is what is sent back */
    if (!next.bytes)
        return error_set(error, ERROR_SERVER,
                         "the server announces a next page without saying where it starts");
    if (same(page->cursor, next) || same(page->milestone, next))
        return error_set(error, ERROR_SERVER,
                         "the server repeats a page of its listing: the listing has no end");
    char *cursor = strndup(next.bytes, next.size);
    if (!cursor)
        return error_set(error, ERROR_LOCAL, "out of memory");
    /* The milestone moves at powers of two, so that a cycle of any length is met in the end. */
    page->fetched++;
    if ((page->fetched & (page->fetched - 1)) == 0) {
        free(page->milestone);
        page->milestone = page->cursor;
    } else {
        free(page->cursor);
    }
    page->cursor = cursor;
    return 0;
}

/* An answer 400 to a query with the caller's filters speaks of them (protocol 7), unless validation
 * refused the document itself. */
static void blame_filter(const struct scope *scope, struct error *error)
{
    bool filtered = scope->registry_filter || scope->collection_filter || scope->version_filter;
    if (filtered && error->refused && !error->invalid_query && error->kind == ERROR_SERVER &&
        (error->status == 400 || error->status == 422 || strcasestr(error->message, "filter")))
        error->kind = ERROR_INVALID;
}

/* Asks for the next page. */
static int fetch(const struct listing *listing, json_t *variables, const struct page *page,
                 json_t **data)
{
    struct error *error = listing->call->error;
    json_t *cursor = json_from_text(text_of(page->cursor));
    if (json_object_set_new(variables, "cursor", cursor) != 0)
        return error_set(error, ERROR_LOCAL, "out of memory");
    if (graphql_execute(listing->client, listing->call, graphql_document(listing->document),
                        json_incref(variables), data) != 0) {
        blame_filter(listing->scope, error);
        return -1;
    }
    return 0;
}

static int decode_page(const struct listing *listing, const json_t *connection,
                       struct object_list *found)
{
    const json_t *edge;
    size_t index;
    json_array_foreach(json_at(connection, "edges", NULL), index, edge)
    {
        const json_t *node = json_at(edge, "node", NULL);
        if (json_is_object(node) && listing->decode(listing, node, found) != 0)
            return -1;
    }
    return 0;
}

int listing_take_page(const struct listing *listing, const json_t *data, struct page *page,
                      struct object_list *found)
{
    const json_t *connection =
        json_at(data, "organization", "orgEntity", listing->connection, NULL);
    if (!json_is_object(connection))
        return error_set(listing->call->error, ERROR_NOT_FOUND,
                         "organization %s: not found or no access",
                         text_or_empty(listing->scope->organization->name));
    if (decode_page(listing, connection, found) != 0)
        return -1;
    return page_advance(page, connection, listing->call->error);
}

int listing_fetch(const struct listing *listing, json_t *variables, struct page *page,
                  struct object_list *found)
{
    cleanup_json json_t *owned = variables;
    struct error *error = listing->call->error;
    struct call whole = *listing->call;
    struct listing limited = *listing;
    size_t shown = found->count;
    whole.deadline = call_deadline(listing->client, listing->call);
    limited.call = &whole;
    for (int pages = 0; !page->done && found->count == shown; pages++) {
        cleanup_json json_t *data = NULL;
        if (!owned)
            return error_set(error, ERROR_LOCAL, "out of memory");
        if (pages == EMPTY_PAGES_MOST)
            return error_set(error, ERROR_SERVER, "the server sends empty pages without end");
        if (fetch(&limited, owned, page, &data) != 0 ||
            listing_take_page(&limited, data, page, found) != 0)
            return -1;
    }
    return 0;
}

int found_add(struct object_list *found, void *object, struct error *error)
{
    if (!object || !object_list_steal(found, object))
        return error_set(error, ERROR_LOCAL, "out of memory");
    return 0;
}

char *filter_by_name(struct text name)
{
    cleanup_buf struct buf text;
    buf_init(&text, 64 + name.size * 6);
    cleanup_json json_t *filter = json_pack("{s:o}", "name", json_from_text(name));
    if (!filter || !json_write(filter, &text))
        return NULL;
    return buf_steal(&text);
}
