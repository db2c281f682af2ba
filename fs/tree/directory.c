/* SPDX-License-Identifier: MIT */
#include "directory.h"

#include "content.h"
#include "file_tree.h"
#include "query_result.h"
#include "roster.h"
#include "text/name.h"

#include <inttypes.h>

enum { VERSION_DIGITS = 24 };

static int list_organizations(struct filesystem *fs, struct call *call,
                              const struct lineage *lineage, struct page *page,
                              struct object_list *found)
{
    (void)lineage;
    page_release(page);
    return client_list_organizations(fs->client, call, NULL, found);
}

static int find_organization(struct filesystem *fs, struct call *call,
                             const struct lineage *lineage, struct text name, void **object,
                             struct object_list *below)
{
    (void)lineage, (void)below;
    return client_get_organization(fs->client, call, name, (struct organization **)object);
}

static int list_registries(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                           struct page *page, struct object_list *found)
{
    struct scope scope = {.organization = lineage->organization};
    return client_list_registries(fs->client, call, &scope, page, found);
}

static int find_registry(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                         struct text name, void **object, struct object_list *below)
{
    (void)below;
    return client_find_registry(fs->client, call, lineage->organization, name,
                                (struct registry **)object);
}

int directory_list_below(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                         const struct collection *collection, directory_list_page *next,
                         struct page *page, struct object_list *found)
{
    cleanup_free char *registry = filter_by_name(lineage->registry->full_name);
    cleanup_free char *narrower = collection ? filter_by_name(collection->name) : NULL;
    if (!registry || (collection && !narrower))
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    struct scope scope = {.organization = lineage->organization,
                          .registry_filter = registry,
                          .collection_filter = narrower};
    return next(fs->client, call, &scope, page, found);
}

static int list_collections(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                            struct page *page, struct object_list *found)
{
    return directory_list_below(fs, call, lineage, NULL, client_list_collections, page, found);
}

static int find_collection(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                           struct text name, void **object, struct object_list *below)
{
    return client_get_collection(fs->client, call, lineage->registry, name,
                                 (struct collection **)object, below);
}

static int list_registry_versions(struct filesystem *fs, struct call *call,
                                  const struct lineage *lineage, struct page *page,
                                  struct object_list *found)
{
    return directory_list_below(fs, call, lineage, NULL, client_list_versions, page, found);
}

static int list_collection_versions(struct filesystem *fs, struct call *call,
                                    const struct lineage *lineage, struct page *page,
                                    struct object_list *found)
{
    return directory_list_below(fs, call, lineage, lineage->collection, client_list_versions, page,
                                found);
}

/* "v12" and nothing else: no sign, no leading zero. */
static bool is_version_name(struct text name)
{
    if (name.size < 2 || name.size > VERSION_DIGITS || name.bytes[0] != 'v' ||
        (name.bytes[1] == '0' && name.size > 2))
        return false;
    for (size_t i = 1; i < name.size; i++) {
        if (name.bytes[i] < '0' || name.bytes[i] > '9')
            return false;
    }
    return true;
}

static int no_such_entry(struct call *call, struct text name)
{
    return error_set(call->error, ERROR_NOT_FOUND, "there is no %.*s",
                     name.size > 200 ? 200 : (int)name.size, name.bytes);
}

static int find_version(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                        struct text name, void **object, struct object_list *below)
{
    if (!is_version_name(name))
        return no_such_entry(call, name);
    return client_get_version(fs->client, call, lineage->registry, lineage->collection->name, name,
                              (struct version **)object, below);
}

/* The server also takes vN, a commit hash or a digest as an alias; none of them is one here. */
static int find_alias(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                      struct text name, void **object, struct object_list *below)
{
    if (is_version_name(name))
        return no_such_entry(call, name);
    cleanup_object struct version *version = NULL;
    if (client_get_version(fs->client, call, lineage->registry, lineage->collection->name, name,
                           &version, below) < 0)
        return -1;
    for (size_t i = 0; i < version->aliases.count; i++) {
        if (text_equal(version->aliases.items[i], name)) {
            *object = steal(version);
            return 0;
        }
    }
    return no_such_entry(call, name);
}

/* "churn:v3": a collection's name may itself hold colons. */
static int find_registry_version(struct filesystem *fs, struct call *call,
                                 const struct lineage *lineage, struct text name, void **object,
                                 struct object_list *below)
{
    (void)below;
    size_t colon = name.size;
    while (colon > 0 && name.bytes[colon - 1] != ':')
        colon--;
    struct text version = {name.bytes + colon, name.size - colon};
    if (colon < 2 || !is_version_name(version))
        return no_such_entry(call, name);
    struct text collection = {name.bytes, colon - 1};
    return client_get_version(fs->client, call, lineage->registry, collection, version,
                              (struct version **)object, NULL);
}

static bool add_organization(struct listing *listing, const struct lineage *lineage,
                             const void *object, bool *duplicate)
{
    (void)lineage;
    return listing_add(listing, ((const struct organization *)object)->name, object, duplicate);
}

static bool add_registry(struct listing *listing, const struct lineage *lineage, const void *object,
                         bool *duplicate)
{
    (void)lineage;
    return listing_add(listing, ((const struct registry *)object)->name, object, duplicate);
}

/* What a filter by name returns is checked: the server may understand it otherwise. */
static bool add_collection(struct listing *listing, const struct lineage *lineage,
                           const void *object, bool *duplicate)
{
    const struct collection *collection = object;
    if (!text_equal(collection->registry, lineage->registry->full_name))
        return true;
    return listing_add(listing, collection->name, object, duplicate);
}

static bool add_version(struct listing *listing, const struct lineage *lineage, const void *object,
                        bool *duplicate)
{
    const struct version *version = object;
    if (!text_equal(version->registry, lineage->registry->full_name) ||
        !text_equal(version->collection, lineage->collection->name))
        return true;
    char name[VERSION_DIGITS];
    snprintf(name, sizeof name, "v%" PRId64, version->index);
    return listing_add(listing, text_of(name), object, duplicate);
}

/* "collection:vN" as one server name. */
static bool full_version_name(const struct version *version, struct buf *name)
{
    return buf_append(name, version->collection.bytes, version->collection.size) &&
           buf_printf(name, ":v%" PRId64, version->index);
}

static bool add_registry_version(struct listing *listing, const struct lineage *lineage,
                                 const void *object, bool *duplicate)
{
    const struct version *version = object;
    if (!text_equal(version->registry, lineage->registry->full_name))
        return true;
    cleanup_buf struct buf name;
    buf_init(&name, TEXT_CEILING);
    if (!full_version_name(version, &name))
        return false;
    return listing_add(listing, (struct text){name.data, name.size}, object, duplicate);
}

static bool add_aliases(struct listing *listing, const struct lineage *lineage, const void *object,
                        bool *duplicate)
{
    (void)lineage;
    const struct version *version = object;
    for (size_t i = 0; i < version->aliases.count; i++) {
        if (version->aliases.items[i].size == 0)
            continue;
        if (!listing_add(listing, version->aliases.items[i], object, duplicate))
            return false;
    }
    return true;
}

static struct text organization_id(const void *object)
{
    return ((const struct organization *)object)->entity;
}

static struct text registry_id(const void *object)
{
    return ((const struct registry *)object)->id;
}

static struct text collection_id(const void *object)
{
    return ((const struct collection *)object)->id;
}

static struct text member_id(const void *object)
{
    return ((const struct registry_member *)object)->id;
}

static bool alias_target(const struct node *link, struct buf *target)
{
    const struct version *version = link->object;
    return buf_printf(target, "../versions/v%" PRId64, version->index);
}

static bool registry_version_target(const struct node *link, struct buf *target)
{
    const struct version *version = link->object;
    char collection[NAME_LIMIT + 1];
    name_escape(version->collection, 0, collection);
    return buf_printf(target, "../collections/%s/versions/v%" PRId64, collection, version->index);
}

static const struct directory directories[] = {
    {NODE_ROOT, MEMBER_SELF, NODE_ORGANIZATION, list_organizations, find_organization,
     add_organization, organization_id, NULL, false, false},
    {NODE_ORGANIZATION, MEMBER_SELF, NODE_REGISTRY, list_registries, find_registry, add_registry,
     registry_id, NULL, false, false},
    {NODE_REGISTRY, MEMBER_COLLECTIONS, NODE_COLLECTION, list_collections, find_collection,
     add_collection, collection_id, NULL, false, false},
    {NODE_REGISTRY, MEMBER_VERSIONS, NODE_LINK, list_registry_versions, find_registry_version,
     add_registry_version, NULL, registry_version_target, false, false},
    {NODE_COLLECTION, MEMBER_VERSIONS, NODE_VERSION, list_collection_versions, find_version,
     add_version, NULL, NULL, false, false},
    {NODE_COLLECTION, MEMBER_ALIASES, NODE_LINK, NULL, find_alias, add_aliases, NULL, alias_target,
     false, false},
    {.kind = NODE_VERSION,
     .member = MEMBER_FILES,
     .child = NODE_FILE,
     .list = file_tree_list,
     .find = file_tree_find,
     .add = file_tree_add,
     .immutable = true,
     .listing_decides = true},
    {.kind = NODE_FILE, .member = MEMBER_SELF, .child = NODE_FILE, .immutable = true},
    {.kind = NODE_VERSION, .member = MEMBER_LINEAGE, .child = NODE_PROVENANCE, .immutable = true},
    {.kind = NODE_REGISTRY,
     .member = MEMBER_MEMBERS,
     .child = NODE_ROSTER,
     .list = roster_list,
     .add = roster_add},
    {.kind = NODE_ROSTER, .member = MEMBER_SELF, .child = NODE_ROLE, .id = member_id},
    {NODE_REGISTRY_QUERY, MEMBER_SELF, NODE_REGISTRY_LINK, query_list_registries, NULL,
     query_add_registry, NULL, query_link_target, false, false},
    {NODE_COLLECTION_QUERY, MEMBER_SELF, NODE_COLLECTION_LINK, query_list_collections, NULL,
     query_add_collection, NULL, query_link_target, false, false},
    {NODE_VERSION_QUERY, MEMBER_SELF, NODE_LINK, query_list_versions, NULL, query_add_version, NULL,
     query_link_target, false, false},
};

const struct directory *directory_row(enum node_kind kind, uint8_t member)
{
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        if (directories[i].kind == kind && directories[i].member == member)
            return &directories[i];
    }
    return NULL;
}

const struct directory *directory_of(struct place place)
{
    return directory_row(place.node->kind, place.member);
}

void lineage_of(struct node *node, struct lineage *lineage)
{
    *lineage = (struct lineage){0};
    for (; node; node = node->parent) {
        if (node->kind == NODE_ORGANIZATION)
            lineage->organization = object_ref(node->object);
        else if (node->kind == NODE_REGISTRY)
            lineage->registry = object_ref(node->object);
        else if (node->kind == NODE_COLLECTION)
            lineage->collection = object_ref(node->object);
        else if (node->kind == NODE_VERSION)
            lineage->version = object_ref(node->object);
        else if (node_is_query(node))
            lineage->queries[query_level(node->kind)] = object_ref(node->object);
    }
}

void lineage_release(struct lineage *lineage)
{
    object_unref(lineage->organization);
    object_unref(lineage->registry);
    object_unref(lineage->collection);
    object_unref(lineage->version);
    for (int level = 0; level < FILTER_LEVELS; level++)
        object_unref(lineage->queries[level]);
}

uint64_t directory_identity(const struct directory *directory, const char *name, const void *object)
{
    struct text id = directory->id ? directory->id(object) : text_of(name);
    return hash_bytes(directory->member, id.bytes, id.size);
}

bool directory_link_target(const struct node *link, struct buf *target)
{
    return directory_row(link->parent->kind, link->member)->target(link, target);
}

static int order_by_collection(const void *a, const void *b)
{
    const struct version *left = *(void *const *)a, *right = *(void *const *)b;
    return text_compare(left->collection, right->collection);
}

/* First version whose collection is not before `collection`. */
static size_t first_of(const struct listing *listing, struct text collection)
{
    size_t low = 0, high = listing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct version *version = listing->sorted[middle];
        if (text_compare(version->collection, collection) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* For directory_versions_of. False: no memory. */
static bool sort_versions(struct listing *listing)
{
    free(listing->sorted);
    listing->sorted = malloc((listing->count + 1) * sizeof *listing->sorted);
    if (!listing->sorted)
        return false;
    for (size_t i = 0; i < listing->count; i++)
        listing->sorted[i] = listing->entries[i].object;
    qsort(listing->sorted, listing->count, sizeof *listing->sorted, order_by_collection);
    return true;
}

bool directory_extend(struct place place, const struct lineage *lineage, struct listing *listing,
                      const struct object_list *found, bool *duplicates)
{
    const struct directory *row = directory_of(place);
    for (size_t i = 0; i < found->count; i++) {
        bool duplicate = false;
        if (!row->add(listing, lineage, found->items[i], &duplicate))
            return false;
        if (duplicate && duplicates)
            *duplicates = true;
    }
    return true;
}

bool directory_complete(struct place place, struct listing *listing)
{
    if (place.node->kind == NODE_REGISTRY && place.member == MEMBER_VERSIONS &&
        !sort_versions(listing))
        return false;
    listing_complete(listing);
    return true;
}

struct listing *directory_listing(struct place place, const struct lineage *lineage,
                                  const struct object_list *found, int64_t asked, bool *duplicates)
{
    struct listing *listing = listing_new(asked);
    if (listing && directory_extend(place, lineage, listing, found, duplicates) &&
        directory_complete(place, listing))
        return listing;
    listing_unref(listing);
    return NULL;
}

struct listing *directory_versions_of(const struct listing *registry_wide,
                                      const struct lineage *lineage)
{
    struct listing *versions = listing_new(registry_wide->fetched);
    bool duplicate, good = versions != NULL;
    for (size_t i = first_of(registry_wide, lineage->collection->name);
         good && i < registry_wide->count; i++) {
        const struct version *version = registry_wide->sorted[i];
        if (!text_equal(version->collection, lineage->collection->name))
            break;
        good = add_version(versions, lineage, version, &duplicate);
    }
    if (good) {
        versions->completed = registry_wide->completed;
        return versions;
    }
    listing_unref(versions);
    return NULL;
}

struct listing *directory_aliases_of(const struct listing *versions, const struct lineage *lineage)
{
    struct listing *aliases = listing_new(versions->fetched);
    bool duplicate, good = aliases != NULL;
    for (size_t i = 0; good && i < versions->count; i++)
        good = add_aliases(aliases, lineage, versions->entries[i].object, &duplicate);
    if (good) {
        aliases->completed = versions->completed;
        return aliases;
    }
    listing_unref(aliases);
    return NULL;
}

bool directory_original_name(const struct node *node, struct buf *name)
{
    const void *object = node->object;
    struct text text = {0};
    if (!object || node_is_query(node))
        return false;
    if (node_is_query(node->parent))
        return query_link_name(node, name);
    switch (node->kind) {
    case NODE_ORGANIZATION:
        text = ((const struct organization *)object)->name;
        break;
    case NODE_REGISTRY:
        text = ((const struct registry *)object)->name;
        break;
    case NODE_COLLECTION:
        text = ((const struct collection *)object)->name;
        break;
    case NODE_ROLE:
        text = ((const struct registry_member *)object)->name;
        break;
    case NODE_LINK:
        if (node->member == MEMBER_VERSIONS)
            return full_version_name(object, name);
        break;
    case NODE_FILE:
        text = file_tree_name(object);
        break;
    default:
        break;
    }
    struct text unescaped = {0};
    if (!text.bytes && name_unescape(node->name, &unescaped))
        text = unescaped;
    bool good = text.bytes && buf_append(name, text.bytes, text.size);
    free((char *)(uintptr_t)unescaped.bytes);
    return good;
}
