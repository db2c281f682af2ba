/* SPDX-License-Identifier: MIT */
/* What a version's lineage/ and the files `url` ask the client for. */
#include "base/buf.h"
#include "content.h"
#include "server.h"

#define AT(member) ((int)offsetof(struct artifact_lineage, member))

static const struct object_layout layout = {sizeof(struct artifact_lineage),
                                            (const int[]){AT(artifact), AT(logged_by), -1},
                                            (const int[]){AT(used_by), AT(linked), -1}};

static bool address(struct text name, struct buf *address)
{
    return buf_puts(address, "http://pages/") && buf_append(address, name.bytes, name.size);
}

bool client_registry_address(const struct client *client, const struct registry *registry,
                             struct buf *page)
{
    (void)client;
    return address(registry->name, page);
}

bool client_collection_address(const struct client *client, const struct collection *collection,
                               struct buf *page)
{
    (void)client;
    return address(collection->name, page);
}

bool client_version_address(const struct client *client, const struct version *version,
                            struct buf *page)
{
    (void)client;
    return address(version->collection, page);
}

int client_get_lineage(struct client *client, struct call *call, const struct version *version,
                       struct artifact_lineage **lineage)
{
    const struct text runs[] = {text_of("a/b/c"), text_of("a/b/d")};
    const struct artifact_lineage found = {.logged_by = runs[0],
                                           .used_by = {runs, 1 + (size_t)version->index % 2}};
    (void)client;
    if (server_travel(call) != 0)
        return -1;
    *lineage = object_pack(&found, &layout);
    return 0;
}

struct registry_member *registry_member_new(const struct registry_member *borrowed)
{
    static const int texts[] = {offsetof(struct registry_member, id),
                                offsetof(struct registry_member, name),
                                offsetof(struct registry_member, role), -1};
    static const int lists[] = {-1};
    static const struct object_layout of_member = {
        .size = sizeof(struct registry_member), .texts = texts, .text_lists = lists};
    return object_pack(borrowed, &of_member);
}

struct registry_member *member_lists_find(const struct member_lists *lists,
                                          const struct registry_member *wanted)
{
    (void)lists, (void)wanted;
    return NULL;
}

int client_list_members(struct client *client, struct call *call, const struct registry *registry,
                        struct member_lists *lists)
{
    (void)client, (void)call, (void)registry;
    lists->has_people = lists->has_teams = true;
    return 0;
}

int client_find_member(struct client *client, struct call *call, const struct viewer *viewer,
                       struct text name, bool is_team, struct registry_member **found)
{
    (void)client, (void)viewer, (void)name, (void)is_team;
    *found = NULL;
    return error_set(call->error, ERROR_NOT_FOUND, "nobody has members");
}

int client_set_role(struct client *client, struct call *call, const struct registry *registry,
                    const struct registry_member *before, struct text role,
                    struct registry_member **now)
{
    (void)client, (void)registry, (void)before, (void)role;
    *now = NULL;
    return error_set(call->error, ERROR_FORBIDDEN, "nobody has members");
}

int client_remove_member(struct client *client, struct call *call, const struct registry *registry,
                         const struct registry_member *member)
{
    (void)client, (void)registry, (void)member;
    return error_set(call->error, ERROR_FORBIDDEN, "nobody has members");
}

int client_list_lineages(struct client *client, struct call *call, const struct scope *scope,
                         struct page *page, struct object_list *found)
{
    (void)client, (void)scope;
    if (server_travel(call) != 0)
        return -1;
    page->done = true;
    for (int i = 0; i < 3; i++) {
        const struct text run = text_of("a/b/c");
        const struct artifact_lineage one = {
            .artifact = text_of("id"), .index = i, .used_by = {&run, 1}};
        if (!object_list_steal(found, object_pack(&one, &layout)))
            return -1;
    }
    return 0;
}

int client_read_manifest(struct client *client, struct call *call, const struct version *version,
                         struct buf *text, struct object_list *files)
{
    struct file_pages pages = {0};
    if (client_list_files(client, call, version, &pages, files) != 0)
        return -1;
    buf_init(text, 1 << 20);
    return buf_resize(text, 100000) ? 0 : -1;
}
