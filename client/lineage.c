/* SPDX-License-Identifier: MIT */
/* Reads which runs made and used an artifact, and where it is linked (protocol 5.11, 5.12). */
#include "base/buf.h"
#include "base/clock.h"
#include "client.h"
#include "graphql.h"
#include "internal.h"
#include "json_reader.h"
#include "json_text.h"
#include "paging.h"

#include <inttypes.h>

enum { TEXT_CEILING = 16 << 20 /* of all runs and places of one artifact */ };

#define AT(member) (int)offsetof(struct artifact_lineage, member)

static const struct object_layout layout = {
    .size = sizeof(struct artifact_lineage),
    .texts = (const int[]){AT(artifact), AT(logged_by), -1},
    .text_lists = (const int[]){AT(used_by), AT(linked), -1},
};

/* Names while they are collected: all in one buffer, which may move. */
struct names {
    struct buf bytes; /* each with a NUL behind it */
    struct page page;
    bool unknown; /* the server has no such field */
};

struct draft {
    struct text artifact; /* id, borrowed */
    int64_t index;
    struct names logged_by;
    struct names used_by;
    struct names linked;
};

static void draft_release(struct draft *draft)
{
    buf_release(&draft->logged_by.bytes);
    buf_release(&draft->used_by.bytes);
    buf_release(&draft->linked.bytes);
    page_release(&draft->used_by.page);
    page_release(&draft->linked.page);
}

static void add_part(struct buf *bytes, struct text part)
{
    for (size_t i = 0; i < part.size; i++) {
        unsigned char byte = (unsigned char)part.bytes[i];
        if (byte < ' ' || byte == 0x7f)
            buf_printf(bytes, "%%%02X", byte);
        else
            buf_putc(bytes, part.bytes[i]);
    }
}

/* entity/project/name and what comes behind it; hidden ones are left out. */
static void add_path(struct names *names, const json_t *project, struct text name,
                     const char *suffix)
{
    struct text parts[] = {json_text_of(json_at(project, "entity", "name", NULL)),
                           json_text_of(json_at(project, "name", NULL))};
    if (parts[0].size == 0 || parts[1].size == 0 || name.size == 0)
        return;
    for (size_t i = 0; i < 2; i++) {
        add_part(&names->bytes, parts[i]);
        buf_putc(&names->bytes, '/');
    }
    add_part(&names->bytes, name);
    buf_append(&names->bytes, suffix, strlen(suffix) + 1);
}

static void add_run(struct names *names, const json_t *run)
{
    add_path(names, json_at(run, "project", NULL), json_text_of(json_at(run, "name", NULL)), "");
}

/* A sequence is where runs log to; only portfolios are links. */
static void add_place(struct names *names, const json_t *membership)
{
    char suffix[32];
    struct json_reader reader = {.object = membership};
    const json_t *collection = json_at(membership, "artifactCollection", NULL);
    int64_t index = json_reader_int64(&reader, "versionIndex", -1);
    snprintf(suffix, sizeof suffix, ":v%" PRId64, index);
    if (index >= 0 &&
        text_is(json_text_of(json_at(collection, "__typename", NULL)), "ArtifactPortfolio"))
        add_path(names, json_at(collection, "project", NULL),
                 json_text_of(json_at(collection, "name", NULL)), suffix);
}

typedef void add_node(struct names *names, const json_t *node);

/* A page of runs or places. One that is there already, because another list goes on, is not taken
 * twice. */
static int take_page(struct names *names, const json_t *artifact, const char *member, add_node *add,
                     struct error *error)
{
    const json_t *connection = json_object_get(artifact, member), *edge;
    size_t index;
    if (names->page.done)
        return 0;
    names->unknown = !connection;
    names->page.done = names->unknown;
    if (names->unknown)
        return 0;
    const json_t *edges = json_at(connection, "edges", NULL);
    if (!json_is_array(edges))
        return error_set(error, ERROR_SERVER, "the server's %s is not a list", member);
    json_array_foreach(edges, index, edge)
    {
        add(names, json_at(edge, "node", NULL));
    }
    if (names->bytes.failed)
        return error_set(error, ERROR_TOO_LARGE, "the server's %s is too long", member);
    return page_advance(&names->page, connection, error);
}

static int take_maker(struct names *names, const json_t *artifact, struct error *error)
{
    const json_t *maker = json_object_get(artifact, "createdBy");
    names->unknown = !maker;
    if (maker && !json_is_null(maker) && !json_is_object(maker))
        return error_set(error, ERROR_SERVER, "the server's createdBy is neither run nor person");
    buf_clear(&names->bytes);
    if (text_is(json_text_of(json_at(maker, "__typename", NULL)), "Run"))
        add_run(names, maker);
    return names->bytes.failed ? error_set(error, ERROR_TOO_LARGE, "the run's name is too long")
                               : 0;
}

static void draft_init(struct draft *draft)
{
    *draft = (struct draft){.index = -1};
    buf_init(&draft->logged_by.bytes, TEXT_CEILING);
    buf_init(&draft->used_by.bytes, TEXT_CEILING);
    buf_init(&draft->linked.bytes, TEXT_CEILING);
}

static int take_artifact(struct draft *draft, const json_t *artifact, struct error *error)
{
    if (take_maker(&draft->logged_by, artifact, error) != 0 ||
        take_page(&draft->used_by, artifact, "usedBy", add_run, error) != 0)
        return -1;
    return take_page(&draft->linked, artifact, "artifactMemberships", add_place, error);
}

static int ask(struct client *client, struct call *call, const struct version *version,
               struct draft *draft)
{
    cleanup_json json_t *data = NULL;
    json_t *variables =
        json_pack("{s:o, s:i, s:o, s:o}", "id", json_from_text(version->id), "perPage",
                  PAGE_ENTRIES, "usedByCursor", json_from_text(text_of(draft->used_by.page.cursor)),
                  "linkedCursor", json_from_text(text_of(draft->linked.page.cursor)));
    if (graphql_execute(client, call, graphql_document("ArtifactLineage"), variables, &data) != 0)
        return -1;
    const json_t *artifact = json_at(data, "artifact", NULL);
    if (!json_is_object(artifact))
        return error_set(call->error, ERROR_NOT_FOUND, "its lineage: not found or no access");
    return take_artifact(draft, artifact, call->error);
}

static bool split(const struct names *names, struct text_list *list)
{
    const char *at = names->bytes.data, *end = at + names->bytes.size;
    for (; at && at < end; at += strlen(at) + 1) {
        if (!text_list_add(list, text_of(at)))
            return false;
    }
    text_list_sort(list);
    return true;
}

static int pack(const struct draft *draft, struct error *error, struct artifact_lineage **lineage)
{
    cleanup_text_list struct text_list used_by = {0};
    cleanup_text_list struct text_list linked = {0};
    bool good = split(&draft->used_by, &used_by) && split(&draft->linked, &linked);
    struct artifact_lineage borrowed = {
        .artifact = draft->artifact,
        .index = draft->index,
        .used_by = text_list_texts(&used_by),
        .linked = text_list_texts(&linked),
        .lacks_logged_by = draft->logged_by.unknown,
        .lacks_used_by = draft->used_by.unknown,
        .lacks_linked = draft->linked.unknown,
    };
    if (draft->logged_by.bytes.size > 0)
        borrowed.logged_by = text_of(draft->logged_by.bytes.data);
    *lineage = good ? object_pack(&borrowed, &layout) : NULL;
    return *lineage ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

int client_get_lineage(struct client *client, struct call *call, const struct version *version,
                       struct artifact_lineage **lineage)
{
    cleanup(draft_release) struct draft draft;
    struct call whole = *call;
    whole.deadline = call_deadline(client, call);
    draft_init(&draft);
    draft.artifact = version->id;
    for (int pages = 0; !draft.used_by.page.done || !draft.linked.page.done; pages++) {
        if (pages == EMPTY_PAGES_MOST)
            return error_set(call->error, ERROR_SERVER, "the server sends pages without end");
        if (ask(client, &whole, version, &draft) != 0)
            return -1;
        whole.deadline = clock_milliseconds() + client->timeout_ms; /* of each page, as of lists */
    }
    return pack(&draft, call->error, lineage);
}

static int decode_listed(const struct listing *listing, const json_t *node,
                         struct object_list *found)
{
    cleanup(draft_release) struct draft draft;
    struct json_reader reader = {.object = node};
    struct error *error = listing->call->error;
    struct artifact_lineage *lineage = NULL;
    const json_t *artifact = json_reader_object(&reader, "artifact");
    draft_init(&draft);
    draft.artifact = json_text_of(json_at(artifact, "id", NULL));
    draft.index = json_reader_int64(&reader, "versionIndex", -1);
    if (draft.artifact.size == 0 || draft.index < 0)
        return 0;
    if (take_artifact(&draft, artifact, error) != 0)
        return -1;
    if (!draft.used_by.page.done || !draft.linked.page.done)
        return 0;
    return pack(&draft, error, &lineage) == 0 ? found_add(found, lineage, error) : -1;
}

int client_list_lineages(struct client *client, struct call *call, const struct scope *scope,
                         struct page *page, struct object_list *found)
{
    const struct listing listing = {.client = client,
                                    .call = call,
                                    .scope = scope,
                                    .document = "RegistryLineages",
                                    .connection = "artifactMemberships",
                                    .decode = decode_listed};
    json_t *variables = json_pack(
        "{s:o, s:o, s:o, s:i}", "organization", json_from_text(scope->organization->name),
        "projectFilters", json_from_text(text_of(scope->registry_filter)), "collectionFilters",
        json_from_text(text_of(scope->collection_filter)), "perPage", PAGE_ENTRIES);
    return listing_fetch(&listing, variables, page, found);
}
