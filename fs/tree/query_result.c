/* SPDX-License-Identifier: MIT */
#include "query_result.h"

#include "report/hash.h"
#include "text/name.h"

#include <inttypes.h>

/* The filters of a chain as the server takes them; each malloc'ed or NULL. */
struct wire_filters {
    char *texts[FILTER_LEVELS];
};

static void wire_filters_release(struct wire_filters *filters)
{
    for (int level = 0; level < FILTER_LEVELS; level++)
        free(filters->texts[level]);
}

enum filter_level query_level(enum node_kind kind)
{
    return kind == NODE_REGISTRY_QUERY     ? FILTER_REGISTRIES
           : kind == NODE_COLLECTION_QUERY ? FILTER_COLLECTIONS
                                           : FILTER_VERSIONS;
}

static int write_filters(const struct lineage *chain, enum filter_level level,
                         enum filter_search search, struct wire_filters *filters,
                         struct error *error)
{
    for (int i = 0; i <= (int)level; i++) {
        const struct query *query = chain->queries[i];
        if (query && filter_write(query->filter.bytes, (enum filter_level)i, search,
                                  &filters->texts[i], error) != 0)
            return -1;
    }
    return 0;
}

bool query_check(const struct lineage *chain, enum filter_level level, enum filter_search search,
                 struct error *reason)
{
    cleanup(wire_filters_release) struct wire_filters filters = {0};
    return write_filters(chain, level, search, &filters, reason) == 0;
}

uint64_t query_identity(struct place directory, const char *name)
{
    return hash_bytes(directory.member, name, strlen(name));
}

static int list(struct filesystem *fs, struct call *call, const struct lineage *chain,
                enum filter_level level, directory_list_page *next, struct page *page,
                struct object_list *found)
{
    cleanup(wire_filters_release) struct wire_filters filters = {0};
    enum filter_search search = FILTER_BASIC;
    if (level == FILTER_VERSIONS &&
        client_find_search(fs->client, call, chain->organization, &search) != 0)
        return -1;
    if (write_filters(chain, level, search, &filters, call->error) != 0)
        return -1;
    if (chain->registry) {
        filters.texts[FILTER_REGISTRIES] = filter_by_name(chain->registry->full_name);
        if (!filters.texts[FILTER_REGISTRIES])
            return error_set(call->error, ERROR_LOCAL, "out of memory");
    }
    struct scope scope = {.organization = chain->organization,
                          .registry_filter = filters.texts[FILTER_REGISTRIES],
                          .collection_filter = filters.texts[FILTER_COLLECTIONS],
                          .version_filter = filters.texts[FILTER_VERSIONS]};
    return next(fs->client, call, &scope, page, found);
}

int query_list_registries(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                          struct page *page, struct object_list *found)
{
    return list(fs, call, lineage, FILTER_REGISTRIES, client_list_registries, page, found);
}

int query_list_collections(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                           struct page *page, struct object_list *found)
{
    return list(fs, call, lineage, FILTER_COLLECTIONS, client_list_collections, page, found);
}

int query_list_versions(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                        struct page *page, struct object_list *found)
{
    return list(fs, call, lineage, FILTER_VERSIONS, client_list_versions, page, found);
}

struct query_entry query_entry_of(enum node_kind kind, const void *object)
{
    if (kind == NODE_REGISTRY_LINK)
        return (struct query_entry){.registry = ((const struct registry *)object)->name,
                                    .version = -1};
    if (kind == NODE_COLLECTION_LINK) {
        const struct collection *collection = object;
        return (struct query_entry){registry_name_of(collection->registry), collection->name, -1};
    }
    const struct version *version = object;
    return (struct query_entry){registry_name_of(version->registry), version->collection,
                                version->index};
}

/* registry, registry:collection or registry:collection:vN; within one registry without it, since
 * there nothing can clash. */
static bool write_name(const struct query_entry *result, bool one_registry, struct buf *name)
{
    bool with_registry = !one_registry || !result->collection.bytes;
    if (with_registry)
        buf_append(name, result->registry.bytes, result->registry.size);
    if (with_registry && result->collection.bytes)
        buf_putc(name, ':');
    if (result->collection.bytes)
        buf_append(name, result->collection.bytes, result->collection.size);
    if (result->version >= 0)
        buf_printf(name, ":v%" PRId64, result->version);
    return !name->failed;
}

/* A filter's result is checked as any other: the server may understand it otherwise. */
static bool add(struct listing *listing, const struct lineage *lineage, enum node_kind kind,
                const void *object, bool *duplicate)
{
    struct query_entry result = query_entry_of(kind, object);
    if (lineage->registry && !text_equal(result.registry, lineage->registry->name))
        return true;
    cleanup_buf struct buf name;
    buf_init(&name, TEXT_CEILING);
    return write_name(&result, lineage->registry != NULL, &name) &&
           listing_add(listing, (struct text){name.data, name.size}, object, duplicate);
}

bool query_add_registry(struct listing *listing, const struct lineage *lineage, const void *object,
                        bool *duplicate)
{
    return add(listing, lineage, NODE_REGISTRY_LINK, object, duplicate);
}

bool query_add_collection(struct listing *listing, const struct lineage *lineage,
                          const void *object, bool *duplicate)
{
    return add(listing, lineage, NODE_COLLECTION_LINK, object, duplicate);
}

bool query_add_version(struct listing *listing, const struct lineage *lineage, const void *object,
                       bool *duplicate)
{
    return add(listing, lineage, NODE_LINK, object, duplicate);
}

bool query_link_name(const struct node *link, struct buf *name)
{
    struct query_entry result = query_entry_of(link->kind, link->object);
    return write_name(&result, node_ancestor(link->parent, NODE_REGISTRY) != NULL, name);
}

static void append_component(struct text name, struct buf *target)
{
    char escaped[NAME_LIMIT + 1];
    name_escape(name, 0, escaped);
    buf_puts(target, escaped);
}

struct place query_base(const struct node *link)
{
    struct place base = {link->parent, link->member};
    while (node_is_query(base.node))
        base = (struct place){base.node->parent, base.node->member};
    return base;
}

/* Up to the directory that the first query was asked in, and down again from there: right wherever
 * the mount begins. */
bool query_link_target(const struct node *link, struct buf *target)
{
    struct query_entry result = query_entry_of(link->kind, link->object);
    struct place base = query_base(link);
    for (const struct node *query = link->parent; query != base.node; query = query->parent)
        buf_puts(target, "../");
    if (base.node->kind == NODE_ORGANIZATION) {
        append_component(result.registry, target);
        if (result.collection.bytes)
            buf_puts(target, "/collections/");
    } else if (base.member == MEMBER_VERSIONS) {
        buf_puts(target, "../collections/");
    }
    if (result.collection.bytes)
        append_component(result.collection, target);
    if (result.version >= 0)
        buf_printf(target, "/versions/v%" PRId64, result.version);
    return !target->failed;
}
