/* SPDX-License-Identifier: MIT */
#include "source.h"

#include "base/clock.h"
#include "text/artifact_name.h"
#include "text/name.h"
#include "tree/directory.h"
#include "tree/file_tree.h"
#include "tree/member.h"

#include <sys/stat.h>

static int not_found(const char *source, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no directory %.300s (a path such as acme/model, or "
                     "ORG/wandb-registry-REGISTRY/COLLECTION:ALIAS)",
                     source);
}

struct node *source_install(struct filesystem *fs, struct place directory, struct text name,
                            const void *object)
{
    char file_name[NAME_LIMIT + 1];
    const struct directory *row = directory_of(directory);
    name_escape(name, 0, file_name);
    pthread_mutex_lock(&fs->nodes.lock);
    struct node *node =
        node_install(&fs->nodes, directory, row->child, file_name, object,
                     directory_identity(row, file_name, object), clock_nanoseconds());
    pthread_mutex_unlock(&fs->nodes.lock);
    return node;
}

/* Enters the directory of the version that a symlink stands for. */
static int follow(struct filesystem *fs, struct place directory, struct version *version,
                  struct place *place, struct error *error)
{
    struct node *collection = directory.node;
    if (collection->kind == NODE_REGISTRY) {
        struct call call = {.error = error};
        cleanup_object struct collection *found = NULL;
        if (client_get_collection(fs->client, &call, collection->object, version->collection,
                                  &found, NULL) < 0)
            return -1;
        collection =
            source_install(fs, (struct place){collection, MEMBER_COLLECTIONS}, found->name, found);
    }
    char name[NAME_LIMIT + 1];
    snprintf(name, sizeof name, "v%lld", (long long)version->index);
    struct place versions = {collection, MEMBER_VERSIONS};
    place->node = collection ? source_install(fs, versions, text_of(name), version) : NULL;
    place->member = MEMBER_SELF;
    return place->node ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

/* One entry of a directory whose entries come from the server. */
static int enter(struct filesystem *fs, struct place *place, struct text name, struct error *error)
{
    const struct directory *row = directory_of(*place);
    struct call call = {.error = error};
    struct lineage lineage;
    pthread_mutex_lock(&fs->nodes.lock);
    lineage_of(place->node, &lineage);
    pthread_mutex_unlock(&fs->nodes.lock);
    cleanup_object void *object = NULL;
    int result = row->find(fs, &call, &lineage, name, &object, NULL);
    lineage_release(&lineage);
    if (result < 0)
        return -1;
    if (row->child == NODE_LINK)
        return follow(fs, *place, object, place, error);
    place->node = source_install(fs, *place, name, object);
    place->member = MEMBER_SELF;
    return place->node ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

/* One step down by the server's name, or by a member's. */
static int step(struct filesystem *fs, struct place *place, struct text name, const char *source,
                struct error *error)
{
    if (place->member == MEMBER_SELF) {
        const struct member *row = member_by_name(place->node->kind, name.bytes);
        if (row && !S_ISDIR(row->mode))
            return error_set(error, ERROR_INVALID, "%.300s is a file, not a directory", source);
        if (row) {
            place->member = row->id;
            return 0;
        }
    }
    if (!directory_of(*place))
        return not_found(source, error);
    if (enter(fs, place, name, error) == 0)
        return 0;
    if (error->kind != ERROR_NOT_FOUND)
        return error_wrap(error, "%.200s", source);
    error_clear(error);
    return not_found(source, error);
}

static int resolve_path(struct filesystem *fs, const char *source, struct place *place,
                        struct error *error)
{
    for (const char *at = source; *at;) {
        size_t length = strcspn(at, "/");
        char component[NAME_LIMIT + 1];
        snprintf(component, sizeof component, "%.*s", (int)length, at);
        struct text name;
        if (length > 0 && (length > NAME_LIMIT || !name_unescape(component, &name)))
            return not_found(source, error);
        if (length > 0) {
            int result = step(fs, place, name, source, error);
            free((char *)(uintptr_t)name.bytes);
            if (result < 0)
                return -1;
        }
        at += length + (at[length] == '/');
    }
    return 0;
}

/* "a, b, c": the organizations that the key can see. */
static void list_names(const struct object_list *organizations, char *names, size_t size)
{
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < organizations->count && used < size; i++) {
        const struct organization *organization = organizations->items[i];
        int length =
            snprintf(names + used, size - used, "%s%s", used ? ", " : "", organization->name.bytes);
        used += length > 0 ? (size_t)length : 0;
    }
    if (organizations->count == 0)
        snprintf(names, size, "none");
}

/* By its display name, else by its entity. NULL: there is none. */
static struct organization *find_organization(const struct object_list *organizations,
                                              struct text name)
{
    for (size_t i = 0; i < organizations->count; i++) {
        struct organization *organization = organizations->items[i];
        if (text_equal(organization->name, name))
            return organization;
    }
    for (size_t i = 0; i < organizations->count; i++) {
        struct organization *organization = organizations->items[i];
        if (text_equal(organization->entity, name))
            return organization;
    }
    return NULL;
}

static int ask_organizations(struct filesystem *fs, struct object_list *organizations,
                             struct error *error)
{
    struct call call = {.error = error};
    return client_list_organizations(fs->client, &call, fs->viewer, organizations);
}

/* The organization that is named, or the one that settings name, or the only one. */
static int choose_organization(struct filesystem *fs, char *name,
                               const struct object_list *organizations,
                               struct organization **chosen, struct error *error)
{
    char names[300];
    const char *wanted = name ? name : client_default_organization(fs->client);
    *chosen = wanted ? find_organization(organizations, text_of(wanted)) : NULL;
    if (!*chosen && name) {
        percent_decode(name, false);
        *chosen = find_organization(organizations, text_of(name));
    }
    if (!wanted && organizations->count == 1)
        *chosen = organizations->items[0];
    if (*chosen)
        return 0;
    list_names(organizations, names, sizeof names);
    if (wanted)
        return error_set(error, ERROR_NOT_FOUND,
                         "there is no organization %.100s%s; those that the key can see: %s",
                         wanted, name ? "" : " (of WANDB_ORGANIZATION or the settings)", names);
    return error_set(error, ERROR_INVALID,
                     "name the organization, as in ORG/wandb-registry-REGISTRY/COLLECTION, or set "
                     "WANDB_ORGANIZATION; those that the key can see: %s",
                     names);
}

int source_check_digest(const struct version *version, const char *digest, const char *source,
                        struct error *error)
{
    if (!digest || text_is(version->digest, digest))
        return 0;
    return error_set(error, ERROR_INVALID,
                     "%.300s: this version has the digest %.100s now: it is not the one that was "
                     "resolved",
                     source, version->digest.bytes ? version->digest.bytes : "");
}

/* The version that an alias, a number, a commit hash or a digest means now. */
static int enter_version(struct filesystem *fs, struct place *place,
                         const struct artifact_name *wanted, const char *source,
                         struct error *error)
{
    struct call call = {.error = error};
    struct text collection = text_of(wanted->collection);
    const char *reference = wanted->reference ? wanted->reference : "latest";
    cleanup_object struct version *version = NULL;
    const struct node *registry = place->node->parent;
    if (client_get_version(fs->client, &call, registry->object, collection, text_of(reference),
                           &version, NULL) < 0)
        return error_wrap(error, "%.200s", source);
    if (source_check_digest(version, wanted->digest, source, error) < 0)
        return -1;
    struct place versions = {place->node, MEMBER_VERSIONS};
    char name[NAME_LIMIT + 1];
    snprintf(name, sizeof name, "v%lld", (long long)version->index);
    place->node = source_install(fs, versions, text_of(name), version);
    place->member = MEMBER_SELF;
    if (!place->node)
        return error_set(error, ERROR_LOCAL, "out of memory");
    return step(fs, place, text_of("files"), source, error);
}

static int resolve_artifact_name(struct filesystem *fs, const struct artifact_name *name,
                                 const char *source, struct place *place, struct error *error)
{
    cleanup_object_list struct object_list organizations = {0};
    struct organization *organization;
    if (ask_organizations(fs, &organizations, error) < 0 ||
        choose_organization(fs, name->organization, &organizations, &organization, error) < 0)
        return -1;
    place->node = source_install(fs, *place, organization->name, organization);
    if (!place->node)
        return error_set(error, ERROR_LOCAL, "out of memory");
    if (step(fs, place, text_of(name->registry), source, error) < 0)
        return -1;
    if (!name->collection)
        return 0;
    if (step(fs, place, text_of("collections"), source, error) < 0 ||
        step(fs, place, text_of(name->collection), source, error) < 0)
        return -1;
    return enter_version(fs, place, name, source, error);
}

/* Says which organizations there are where a path begins with none of them. */
static void explain_path(struct filesystem *fs, const char *source, struct error *error)
{
    cleanup_object_list struct object_list organizations = {0};
    char name[NAME_LIMIT + 1], names[250];
    struct error ignored = {0};
    struct text original;
    source += strspn(source, "/");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(source, "/"), source);
    if (error->kind != ERROR_NOT_FOUND || ask_organizations(fs, &organizations, &ignored) < 0 ||
        !name_unescape(name, &original))
        return;
    bool known = false;
    for (size_t i = 0; i < organizations.count; i++)
        known |= text_equal(((struct organization *)organizations.items[i])->name, original);
    free((char *)(uintptr_t)original.bytes);
    if (known)
        return;
    list_names(&organizations, names, sizeof names);
    error_clear(error);
    error_set(error, ERROR_NOT_FOUND,
              "there is no organization %.100s (%.100s); those that the key can see: %s", name,
              source, names);
}

/* A path of the tree has precedence; what is no path may be an artifact's name. */
static int resolve(struct filesystem *fs, const char *source, struct place *place,
                   struct error *error)
{
    const struct place root = *place;
    struct artifact_name name;
    bool is_name = artifact_name_parse(source, &name);
    bool is_address = strstr(source, ":/") != NULL;
    int result = -1;
    if (!is_address)
        result = resolve_path(fs, source, place, error);
    if (result < 0 && is_name && (is_address || error->kind == ERROR_NOT_FOUND)) {
        error_clear(error);
        *place = root;
        result = resolve_artifact_name(fs, &name, source, place, error);
    } else if (result < 0 && is_address) {
        error_set(error, ERROR_INVALID,
                  "%.300s is no address of a registry's version, such as "
                  "https://HOST/orgs/ORG/registry/NAME?selectionPath=…&version=v3 or "
                  "wandb-artifact:///ORG/wandb-registry-NAME/COLLECTION:ALIAS",
                  source);
    } else if (result < 0) {
        explain_path(fs, source, error);
    }
    artifact_name_release(&name);
    return result;
}

void source_set_root(struct filesystem *fs, struct place place)
{
    pthread_mutex_lock(&fs->nodes.lock);
    node_hold(&fs->nodes, place.node);
    node_drop(&fs->nodes, fs->nodes.mount_root.node);
    fs->nodes.mount_root = place;
    pthread_mutex_unlock(&fs->nodes.lock);
}

const struct version *source_version(struct filesystem *fs)
{
    pthread_mutex_lock(&fs->nodes.lock);
    const struct node *node = node_ancestor(fs->nodes.mount_root.node, NODE_VERSION);
    pthread_mutex_unlock(&fs->nodes.lock);
    return node ? node->object : NULL;
}

/* Takes what is in memory; false: nothing is. */
static bool take_listed(const struct node *version, struct object_list *files)
{
    const struct facet *facet = node_find_facet(version, MEMBER_FILES);
    const struct object_list *known = facet && facet->listing ? &facet->listing->below : NULL;
    for (size_t i = 0; known && i < known->count; i++) {
        if (!object_list_steal(files, object_ref(known->items[i])))
            return false;
    }
    return known != NULL;
}

int source_files(struct filesystem *fs, struct object_list *files, struct error *error)
{
    struct call call = {.error = error};
    struct page page = {0};
    struct lineage lineage;
    pthread_mutex_lock(&fs->nodes.lock);
    struct node *version = node_ancestor(fs->nodes.mount_root.node, NODE_VERSION);
    bool known = take_listed(version, files);
    lineage_of(version, &lineage);
    pthread_mutex_unlock(&fs->nodes.lock);
    int result = known ? 0 : file_tree_list(fs, &call, &lineage, &page, files);
    lineage_release(&lineage);
    return result;
}

int source_resolve(struct filesystem *fs, const char *source, struct error *error)
{
    struct place place = fs->nodes.mount_root;
    if (source && resolve(fs, source, &place, error) < 0)
        return -1;
    source_set_root(fs, place);
    return 0;
}
