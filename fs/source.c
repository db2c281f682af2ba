/* SPDX-License-Identifier: MIT */
#include "source.h"

#include "base/clock.h"
#include "directory.h"
#include "member.h"
#include "name.h"

#include <sys/stat.h>

#define REGISTRY_PREFIX "wandb-registry-"

static int not_found(const char *source, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no directory %.300s (a path such as acme/model, or "
                     "ORG/wandb-registry-REGISTRY/COLLECTION:ALIAS)",
                     source);
}

static struct node *install(struct filesystem *fs, struct place directory, struct text name,
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
            install(fs, (struct place){collection, MEMBER_COLLECTIONS}, found->name, found);
    }
    char name[NAME_LIMIT + 1];
    snprintf(name, sizeof name, "v%lld", (long long)version->index);
    struct place versions = {collection, MEMBER_VERSIONS};
    place->node = collection ? install(fs, versions, text_of(name), version) : NULL;
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
    place->node = install(fs, *place, name, object);
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

/* ORG/wandb-registry-REGISTRY/COLLECTION:ALIAS; the alias may hold slashes. */
static bool is_artifact_name(const char *source, size_t *organization, size_t *registry)
{
    *organization = strcspn(source, "/:");
    if (source[*organization] != '/' || *organization == 0)
        return false;
    const char *project = source + *organization + 1;
    *registry = strcspn(project, "/:");
    return project[*registry] == '/' && strchr(project + *registry, ':') &&
           strncmp(project, REGISTRY_PREFIX, strlen(REGISTRY_PREFIX)) == 0 &&
           *registry > strlen(REGISTRY_PREFIX);
}

static int resolve_artifact_name(struct filesystem *fs, const char *source, size_t organization,
                                 size_t registry, struct place *place, struct error *error)
{
    cleanup_free char *copy = strdup(source);
    if (!copy)
        return error_set(error, ERROR_LOCAL, "out of memory");
    copy[organization] = '\0';
    char *project = copy + organization + 1;
    project[registry] = '\0';
    char *collection = project + registry + 1;
    char *alias = strchr(collection, ':');
    *alias++ = '\0';
    bool by_number =
        alias[0] == 'v' && alias[1] && strspn(alias + 1, "0123456789") == strlen(alias + 1);
    const char *steps[] = {copy,       project + strlen(REGISTRY_PREFIX),  "collections",
                           collection, by_number ? "versions" : "aliases", alias,
                           "files"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (!steps[i][0])
            return not_found(source, error);
        if (step(fs, place, text_of(steps[i]), source, error) < 0)
            return -1;
    }
    return 0;
}

int source_resolve(struct filesystem *fs, const char *source, struct error *error)
{
    struct place place = fs->nodes.mount_root;
    size_t organization, registry;
    int result = 0;
    if (source && is_artifact_name(source, &organization, &registry))
        result = resolve_artifact_name(fs, source, organization, registry, &place, error);
    else if (source)
        result = resolve_path(fs, source, &place, error);
    if (result < 0)
        return -1;
    pthread_mutex_lock(&fs->nodes.lock);
    node_hold(&fs->nodes, place.node);
    node_drop(&fs->nodes, fs->nodes.mount_root.node);
    fs->nodes.mount_root = place;
    pthread_mutex_unlock(&fs->nodes.lock);
    return 0;
}
