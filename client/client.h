/* SPDX-License-Identifier: MIT */
/*
 * W&B registries over HTTP: everything the rest of the program may know of the
 * server. Typed, blocking calls; no files, inodes or threads. A client may be
 * used by any number of threads at once.
 *
 * Each call takes a struct call with its limits and returns 0, or -1 with
 * call->error set. Output pointers are written on success only. Objects come
 * with one reference that is the caller's (base/object.h).
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "base/error.h"
#include "base/object.h"
#include "call.h"
#include "content_proxy_figures.h"
#include "filter.h"
#include "observer.h"
#include "registry_name.h"

#include <stdatomic.h>
#include <stdint.h>

struct client_config {
    const char *base_url;     /* NULL: environment, settings files, built-in (protocol 1.1, 1.4) */
    const char *api_key_file; /* NULL: the places of protocol 1.3 */
    bool ignores_working_directory; /* ./wandb/settings has no say */
    const char *user_agent;
    int timeout_ms;       /* one metadata request, retries included */
    size_t answer_memory; /* bytes that an answer and what is made of it may take; 0: no limit */
    const char *content_proxies;      /* as content_proxy.h reads them; NULL: none */
    const char *const *proxy_headers; /* "NAME: VALUE" each, for these alone */
    size_t proxy_header_count;
    struct client_observer observer;
};

/* Reads settings and credentials; asks no server. Fails with ERROR_UNAUTHENTICATED (says where a
 * key can be put), ERROR_LOCAL (unreadable key file, broken settings) or ERROR_INVALID (base URL,
 * content proxies). */
int client_new(const struct client_config *config, struct client **client, struct error *error);
void client_free(struct client *client);
/* Reads the credentials again; keeps the old ones if that fails. */
int client_reload_credentials(struct client *client, struct error *error);
/* Ends all waiting soon: running and later calls fail with ERROR_INTERRUPTED. */
void client_shut_down(struct client *client);

/* Until then (clock_milliseconds(); 0: from now on no more) a metadata request that the server's
 * rate limit refuses is sent again after waits of random length, and each request has the client's
 * timeout of its own, whatever its call's deadline. */
void client_wait_out_limits(struct client *client, int64_t until);

const char *client_base_url(const struct client *client);
/* The environment's or settings' default organization, NULL when none (WANDB_ORGANIZATION). */
const char *client_default_organization(const struct client *client);

struct client_figures {
    uint64_t requests; /* HTTP requests sent, of all kinds, retries included */
    uint64_t graphql_requests;
    uint64_t bytes_received; /* bodies as they came over the wire */
    uint64_t retries;
    uint64_t failures; /* requests that ended in an error */
    bool server_down;  /* requests fail at once while a probe runs */
};
void client_read_figures(const struct client *client, struct client_figures *figures);

/* Of the member number `index` of the content proxies, from 0 on; false: there are fewer. */
bool client_read_content_proxy(const struct client *client, size_t index,
                               struct content_proxy_figures *figures);
/* Whether that member, which is not DIRECT, answers; -1: it does not. Blocks. */
int client_check_content_proxy(struct client *client, struct call *call, size_t index);

/* --- identity and organizations (protocol 3) --- */

struct viewer {
    struct object object;
    struct text username;
    struct text entity; /* the default entity */
    struct texts teams;
};

struct organization {
    struct object object;
    struct text name;   /* display name, the argument of organization(name:) */
    struct text entity; /* org entity, which owns the registries */
};

/* One request: are the credentials good, what does the server offer (a second one to a server
 * without features). ERROR_UNAUTHENTICATED on 401 and on a null viewer. */
int client_check(struct client *client, struct call *call, struct viewer **viewer);
/* All organizations of the key: the chain of protocol 3.3. A viewer that client_check has just
 * returned saves a request; NULL: asks. */
int client_list_organizations(struct client *client, struct call *call,
                              const struct viewer *known_viewer, struct object_list *found);
/* One organization by its display name. */
int client_get_organization(struct client *client, struct call *call, struct text name,
                            struct organization **organization);

/* --- listings --- */

/* Where a listing stands. Start with zeros; each list call appends one page of what is shown to
 * the list it is given and moves on, until `done`. A cursor that repeats is ERROR_SERVER. */
struct page {
    char *cursor; /* owned; NULL: first page */
    bool done;
    char *milestone; /* owned; an earlier cursor, to notice a cycle */
    unsigned fetched;
};
void page_release(struct page *page);
#define cleanup_page cleanup(page_release)

/* What a listing covers. Filters are Mongo-style JSON texts of protocol 7 as the server takes
 * them (filter.h); NULL: no condition. A filter that the server refuses is ERROR_INVALID. */
struct scope {
    const struct organization *organization;
    const char *registry_filter;
    const char *collection_filter;
    const char *version_filter;
};

/* The JSON text {"name": name} as a filter; malloc'ed, NULL: no memory. */
char *filter_by_name(struct text name);

/* How the organization's versions are searched, and so how the filters of a listing of versions
 * name their fields. Asks the server when it is not known yet; an answer that says nothing is
 * FILTER_BASIC. */
int client_find_search(struct client *client, struct call *call,
                       const struct organization *organization, enum filter_search *search);
/* The same from memory; false: it has to be asked for. Never blocks. */
bool client_knows_search(struct client *client, const struct organization *organization,
                         enum filter_search *search);

/* --- registries (protocol 4, 5.1-5.5) --- */

enum registry_visibility { VISIBILITY_ORGANIZATION, VISIBILITY_RESTRICTED };

struct registry {
    struct object object;
    struct text id;
    struct text full_name; /* of the project, with prefix */
    struct text name;      /* without prefix */
    struct text organization;
    struct text entity;
    struct text description;
    struct text created_at;
    struct text updated_at; /* null until changed */
    struct texts artifact_types;
    enum registry_visibility visibility;
    bool allow_all_artifact_types;
};

int client_list_registries(struct client *client, struct call *call, const struct scope *scope,
                           struct page *page, struct object_list *found);
/* One by its name, whether or not it is listed: it may be hidden, and has the name all the same. */
int client_get_registry(struct client *client, struct call *call,
                        const struct organization *organization, struct text name,
                        struct registry **registry);
/* The same as the listing shows it: what that passes over is ERROR_NOT_FOUND. */
int client_find_registry(struct client *client, struct call *call,
                         const struct organization *organization, struct text name,
                         struct registry **registry);

/* What a save changes; a member that is NULL stays as it is on the server. */
struct registry_change {
    const struct text *description;
    const enum registry_visibility *visibility;
    const bool *allow_all_artifact_types;
    const struct texts *new_artifact_types;
};

/* Creates; ERROR_EXISTS leaves the existing one untouched (protocol 5.3). One for the organization
 * is created restricted and then opened. A registry that appeared between check and create has been
 * changed by the server, but never made visible to more people: ERROR_EXISTS with a message that
 * says so. */
int client_create_registry(struct client *client, struct call *call,
                           const struct organization *organization, struct text name,
                           enum registry_visibility visibility, struct registry **created);
/* Sends the changed members alone under the saved name. If the answer is lost, the registry is read
 * again: success when the change is there, else the first error. An answer of errors is a failure
 * in any case. `now` is what the server then has; it is also set on failure when the registry could
 * be read, else NULL. ERROR_STALE: the registry was gone, and the server has made a new one of the
 * save. */
int client_save_registry(struct client *client, struct call *call, const struct registry *saved,
                         const struct registry_change *change, struct registry **now);
int client_rename_registry(struct client *client, struct call *call, const struct registry *saved,
                           struct text new_name, struct registry **now);
int client_delete_registry(struct client *client, struct call *call,
                           const struct registry *registry);

/* --- collections (protocol 5.7) --- */

struct collection {
    struct object object;
    struct text id;
    struct text name;
    struct text registry; /* full name of its project */
    struct text organization;
    struct text entity;
    struct text description;
    struct text type;
    struct text created_at;
    struct text updated_at;
    struct texts tags; /* sorted bytewise */
};

int client_list_collections(struct client *client, struct call *call, const struct scope *scope,
                            struct page *page, struct object_list *found);
/* One as the listing shows it: what that passes over is ERROR_NOT_FOUND. Appends some of its
 * versions, as many as come in the same answer, to `versions` (may be NULL). */
int client_get_collection(struct client *client, struct call *call, const struct registry *registry,
                          struct text name, struct collection **collection,
                          struct object_list *versions);
/* Whether the registry has any collection at all, asked freshly. */
int client_registry_is_empty(struct client *client, struct call *call,
                             const struct organization *organization,
                             const struct registry *registry, bool *empty);

/* --- versions (protocol 5.8) --- */

/* A committed artifact as a member of a collection. All but index and aliases are the artifact's.
 */
struct version {
    struct object object;
    struct text id; /* of the artifact */
    struct text collection;
    struct text registry; /* full name of its project */
    struct text organization;
    struct text entity;
    struct text type;
    struct text state;
    struct text description;
    struct text digest;
    struct text commit_hash;
    struct text source_name; /* entity/project/collection:vN; null when hidden */
    struct text created_at;
    struct text updated_at; /* created_at when the server has null */
    struct text metadata;   /* JSON as the server holds it, undecoded; null when none */
    struct texts aliases;   /* sorted bytewise, forms like vN left out */
    struct texts tags;      /* sorted bytewise */
    int64_t index;          /* the N of vN in this collection */
    int64_t size;
    int64_t file_count;   /* references included; -1: the server does not say */
    int64_t ttl_seconds;  /* 0 or less: none */
    int64_t history_step; /* the server's minus 1, not below 0; -1: null */
    /* Bytes that metadata_format() makes of the metadata: laying out megabytes takes long, and who
     * looks at a version wants to know no more. */
    int64_t metadata_size;
};

int client_list_versions(struct client *client, struct call *call, const struct scope *scope,
                         struct page *page, struct object_list *found);
/* `alias` may be an alias, vN, commit hash or digest. Appends its files (struct artifact_file) to
 * `files` (may be NULL) when they are so few that all of them came in the same answer. */
int client_get_version(struct client *client, struct call *call, const struct registry *registry,
                       struct text collection, struct text alias, struct version **version,
                       struct object_list *files);

/* Which runs made and used an artifact, and where it is linked (protocol 5.11, 5.12): runs as
 * entity/project/run, places as entity/project/collection:vN, control characters as in file names.
 * What is hidden from the caller is left out. */
struct artifact_lineage {
    struct object object;
    struct text artifact;  /* id */
    struct text logged_by; /* null: a person did, or it is not known */
    struct texts used_by;  /* sorted bytewise */
    struct texts linked;   /* likewise */
    int64_t index;         /* in a listing of versions: the N of vN; else -1 */
    bool lacks_logged_by;  /* the server is too old to tell */
    bool lacks_used_by;
    bool lacks_linked;
};

/* One request, and one more for each further page of runs or places. */
int client_get_lineage(struct client *client, struct call *call, const struct version *version,
                       struct artifact_lineage **lineage);
/* The same of all versions in the scope, page by page, which needs both its filters by name. Those
 * with more runs or places than come at once are passed over. */
int client_list_lineages(struct client *client, struct call *call, const struct scope *scope,
                         struct page *page, struct object_list *found);

/* --- members of a registry (protocol 5.9) --- */

/* A person or a team with a role of its own in a registry. */
struct registry_member {
    struct object object;
    struct text id;   /* of the user, or of the team's entity */
    struct text name; /* username, else e-mail; of a team: its name */
    struct text role; /* any text: organizations have roles of their own */
    bool is_team;
};

/* Copies; NULL: no memory. */
struct registry_member *registry_member_new(const struct registry_member *borrowed);

/* People and teams of one registry; a server that is too old may not know of either. */
struct member_lists {
    struct object_list found; /* struct registry_member, in the server's order */
    bool has_people, has_teams;
};

/* The one of that id, with a reference; NULL: none. */
struct registry_member *member_lists_find(const struct member_lists *lists,
                                          const struct registry_member *wanted);
/* Both lists in one request. Who has no name is passed over and reported. */
int client_list_members(struct client *client, struct call *call, const struct registry *registry,
                        struct member_lists *lists);
/* Somebody of exactly that name, as one without a role. ERROR_NOT_FOUND: the server has nobody of
 * that name; ERROR_FORBIDDEN: it does not let the viewer search, and he shares no team with him. */
int client_find_member(struct client *client, struct call *call, const struct viewer *viewer,
                       struct text name, bool is_team, struct registry_member **found);
/* Sets the role; who has none yet is added first, and taken out again when he cannot have that
 * role. *now: the member with that role. */
int client_set_role(struct client *client, struct call *call, const struct registry *registry,
                    const struct registry_member *before, struct text role,
                    struct registry_member **now);
/* What the server refuses, for whatever reason, is ERROR_FORBIDDEN. */
int client_remove_member(struct client *client, struct call *call, const struct registry *registry,
                         const struct registry_member *member);

struct buf;
/* Appends the address of the object's web page (protocol 5.10): one line without its end, nothing
 * where there is none. Asks nobody. False: no memory or over the ceiling. */
bool client_registry_address(const struct client *client, const struct registry *registry,
                             struct buf *address);
bool client_collection_address(const struct client *client, const struct collection *collection,
                               struct buf *address);
bool client_version_address(const struct client *client, const struct version *version,
                            struct buf *address);

/* Of a text that metadata_format() makes, and so of its buffer. */
enum { METADATA_TEXT_CEILING = 64 << 20 };

/* The decoded metadata, indented by 2, keys in order, numbers untouched, strings in UTF-8; null is
 * {}; what is not JSON is copied as it is. Ends in a newline. False: no memory or over the ceiling.
 */
bool metadata_format(struct text metadata, struct buf *formatted);
/* How many bytes it appends to an empty buffer with that ceiling; makes no text. */
int64_t metadata_format_size(struct text metadata);

#endif
