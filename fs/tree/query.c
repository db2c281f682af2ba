/* SPDX-License-Identifier: MIT */
#include "query.h"

#include "base/clock.h"
#include "derived.h"
#include "directory.h"
#include "inode/filesystem.h"
#include "query_keep.h"
#include "query_result.h"
#include "report/errnos.h"
#include "stat.h"
#include "wait/fetch.h"

#include <errno.h>

enum {
    PATH_SIZE = 1024 + QUERY_NAME_LIMIT,
};

static const struct object_layout layout = {
    .size = sizeof(struct query),
    .texts = (const int[]){offsetof(struct query, filter), -1},
    .text_lists = (const int[]){-1},
};

/* What a query in this directory chooses from; NODE_KINDS: there are no queries. */
static enum node_kind kind_in(struct place directory)
{
    switch (directory.node->kind) {
    case NODE_ORGANIZATION:
        return NODE_REGISTRY_QUERY;
    case NODE_REGISTRY:
        return directory.member == MEMBER_COLLECTIONS ? NODE_COLLECTION_QUERY
               : directory.member == MEMBER_VERSIONS  ? NODE_VERSION_QUERY
                                                      : NODE_KINDS;
    case NODE_REGISTRY_QUERY:
        return NODE_COLLECTION_QUERY;
    case NODE_COLLECTION_QUERY:
        return NODE_VERSION_QUERY;
    default:
        return NODE_KINDS;
    }
}

bool query_is_asked(struct place directory, const char *name)
{
    return name[0] == '@' &&
           (kind_in(directory) != NODE_KINDS || directory.node->kind == NODE_VERSION_QUERY);
}

static struct query *read_query(const char *name, struct error *reason)
{
    cleanup_free char *json = NULL;
    if (filter_read(name + 1, &json, reason) != 0)
        return NULL;
    const struct query borrowed = {.filter = text_of(json)};
    struct query *query = object_pack(&borrowed, &layout);
    if (!query)
        error_set(reason, ERROR_LOCAL, "out of memory");
    return query;
}

/* Asks how the organization's versions are searched. */
static int run_search(struct fetch *fetch, struct call *call)
{
    struct filesystem *fs = fetch->fs;
    enum filter_search search;
    struct lineage lineage;
    pthread_mutex_lock(&fs->nodes.lock);
    lineage_of(fetch->node, &lineage);
    pthread_mutex_unlock(&fs->nodes.lock);
    int result = client_find_search(fs->client, call, lineage.organization, &search);
    if (result == 0 && !client_knows_search(fs->client, lineage.organization, &search))
        result = error_set(call->error, ERROR_SERVER,
                           "the server does not say how the versions of %.200s are searched",
                           lineage.organization->name.bytes);
    lineage_release(&lineage);
    return result;
}

static const struct fetch_type find_search = {
    .operation = "search", .kind = CALL_LISTING, .run = run_search};

/* Whether the chain of filters can be asked, as *reason says if not. Waits for the organization's
 * kind of search only where that decides. */
static enum readiness judge(struct request *request, struct place directory,
                            const struct lineage *chain, enum filter_level level,
                            struct error *reason, int *error_number)
{
    struct error advanced = {0};
    enum filter_search search = FILTER_BASIC;
    bool known = level != FILTER_VERSIONS ||
                 client_knows_search(request->fs->client, chain->organization, &search);
    bool good = query_check(chain, level, search, reason);
    if (known || good == query_check(chain, level, FILTER_ADVANCED, &advanced))
        return READY;
    error_clear(reason);
    if (request->failure.kind != ERROR_NONE) {
        *error_number = errno_of(request->failure.kind);
        return FAILED;
    }
    await_place(request, &find_search, directory);
    return WAITING;
}

static int refuse(struct request *request, struct place directory, const char *name,
                  const struct error *reason)
{
    char path[PATH_SIZE];
    place_path(directory, path, sizeof path - QUERY_NAME_LIMIT);
    size_t used = strlen(path);
    snprintf(path + used, sizeof path - used, "/%s", name);
    journal_add(request->fs->journal, request->operation, path, reason->kind, reason->message);
    return errno_of(reason->kind);
}

/* Reads the filter and sees whether it can be asked together with those above it. NULL with READY:
 * it cannot, for the reason given. */
static enum readiness prepare(struct request *request, struct place directory, const char *name,
                              struct query **query, struct error *reason, int *error_number)
{
    enum node_kind kind = kind_in(directory);
    enum readiness result = READY;
    *query = NULL;
    if (kind == NODE_KINDS) {
        error_set(reason, ERROR_INVALID,
                  "versions hold nothing to filter: put all conditions into one filter");
        return READY;
    }
    cleanup_object struct query *read = read_query(name, reason);
    if (!read)
        return READY;
    enum filter_level level = query_level(kind);
    struct lineage chain;
    lineage_of(directory.node, &chain);
    chain.queries[level] = object_ref(read);
    result = judge(request, directory, &chain, level, reason, error_number);
    lineage_release(&chain);
    if (result == READY && reason->kind == ERROR_NONE)
        *query = steal(read);
    return result;
}

enum readiness query_find(struct request *request, struct place directory, const char *name,
                          struct node **entry, int *error_number)
{
    struct filesystem *fs = request->fs;
    enum readiness result = FAILED;
    *error_number = ENOENT;
    if (derived_entry(fs, directory, name))
        result = ready_entry(request, directory, name, entry, error_number);
    if (result != FAILED || *error_number != ENOENT)
        return result;
    struct error reason = {0};
    cleanup_object struct query *query = NULL;
    result = prepare(request, directory, name, &query, &reason, error_number);
    if (result != READY)
        return result;
    const struct node *old = node_find_query(&fs->nodes, directory.node, directory.member, name);
    int64_t since = old ? old->fetched : 0;
    /* Inside a result nothing is asked for a filter that makes sense: the chain is one request. */
    if (query && node_is_query(directory.node))
        since = request->started;
    else
        result = ready_absence(request, directory, name, &since, error_number);
    if (result != READY)
        return result;
    if (!query) {
        *error_number = refuse(request, directory, name, &reason);
        return FAILED;
    }
    *entry = node_install(&fs->nodes, directory, kind_in(directory), name, query,
                          query_identity(directory, name), since);
    *error_number = ENOMEM;
    if (!*entry)
        return FAILED;
    query_was_used(fs, *entry);
    return READY;
}
