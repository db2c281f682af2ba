/* SPDX-License-Identifier: MIT */
#include "pinned_source.h"

#include "base/clock.h"
#include "content.h"
#include "source.h"
#include "text/artifact_name.h"
#include "tree/member.h"
#include "tree/refresh.h"

#include <errno.h>

enum { NUMBER_SIZE = 24, RESOLVED_CEILING = 1 << 30 };

#define AT(type, member) (int)offsetof(struct type, member)

static const struct object_layout organization_layout = {
    .size = sizeof(struct organization),
    .texts = (const int[]){AT(organization, name), AT(organization, entity), -1},
    .text_lists = (const int[]){-1},
};

static const struct object_layout registry_layout = {
    .size = sizeof(struct registry),
    .texts = (const int[]){AT(registry, id), AT(registry, full_name), AT(registry, name),
                           AT(registry, organization), AT(registry, entity), -1},
    .text_lists = (const int[]){-1},
};

static const struct object_layout collection_layout = {
    .size = sizeof(struct collection),
    .texts = (const int[]){AT(collection, id), AT(collection, name), AT(collection, registry),
                           AT(collection, organization), AT(collection, entity), -1},
    .text_lists = (const int[]){-1},
};

/* The node of an object, which is taken over; NULL: no memory. */
static struct node *add(struct filesystem *fs, struct node *parent, uint8_t member,
                        struct text name, void *object)
{
    struct node *node =
        parent && object ? source_install(fs, (struct place){parent, member}, name, object) : NULL;
    object_unref(object);
    return node;
}

/* Makes the version's files the mount's root. */
static int enter(struct filesystem *fs, const struct version *version, struct object_list *files,
                 int64_t asked, struct error *error)
{
    char number[NUMBER_SIZE];
    snprintf(number, sizeof number, "v%lld", (long long)version->index);
    struct organization organization = {.name = version->organization, .entity = version->entity};
    struct registry registry = {.id = version->registry,
                                .full_name = version->registry,
                                .name = registry_name_of(version->registry),
                                .organization = version->organization,
                                .entity = version->entity};
    struct collection collection = {.id = version->collection,
                                    .name = version->collection,
                                    .registry = version->registry,
                                    .organization = version->organization,
                                    .entity = version->entity};
    struct node *node = add(fs, fs->nodes.root, MEMBER_SELF, organization.name,
                            object_pack(&organization, &organization_layout));
    node = add(fs, node, MEMBER_SELF, registry.name, object_pack(&registry, &registry_layout));
    node = add(fs, node, MEMBER_COLLECTIONS, collection.name,
               object_pack(&collection, &collection_layout));
    node = add(fs, node, MEMBER_VERSIONS, text_of(number), object_ref(version));
    if (!node)
        return error_set(error, ERROR_LOCAL, "out of memory");
    pthread_mutex_lock(&fs->nodes.lock);
    refresh_install_files(fs, node, files, asked);
    pthread_mutex_unlock(&fs->nodes.lock);
    source_set_root(fs, (struct place){node, MEMBER_FILES});
    return 0;
}

static int open_version(struct filesystem *fs, const struct artifact_name *name, const char *source,
                        struct error *error)
{
    char project[512];
    struct call call = {.error = error};
    cleanup_object struct version *version = NULL;
    cleanup_object_list struct object_list files = {0};
    int64_t asked = clock_nanoseconds();
    snprintf(project, sizeof project, "wandb-registry-%s", name->registry);
    const struct registry registry = {.entity = text_of(name->organization),
                                      .full_name = text_of(project)};
    if (client_open_version(fs->client, &call, &registry, text_of(name->collection),
                            text_of(name->reference), &fs->viewer, &version, &files) < 0 ||
        source_check_digest(version, name->digest, source, error) < 0)
        return -1;
    return enter(fs, version, &files, asked, error);
}

enum pinned_result pinned_source_open(struct filesystem *fs, const char *source,
                                      struct error *error)
{
    struct artifact_name name = {0};
    enum pinned_result result = PINNED_NOT;
    if (source && artifact_name_parse(source, &name) && name.digest && name.organization &&
        name.collection)
        result = open_version(fs, &name, source, error) < 0 ? PINNED_FAILED : PINNED_OPENED;
    artifact_name_release(&name);
    /* The organization may be named otherwise, the server too old for the one document. */
    bool step_by_step =
        error->kind == ERROR_NOT_FOUND || (error->refused && error->kind != ERROR_UNAUTHENTICATED);
    if (result != PINNED_FAILED || !step_by_step)
        return result;
    error_clear(error);
    return PINNED_NOT;
}

/* In steps: its size is not known before, it may be a pipe. */
static int read_list(const char *path, struct buf *text, struct error *error)
{
    char step[64 << 10];
    FILE *file = fopen(path, "re");
    size_t got = file ? 1 : 0;
    while (got > 0 && !text->failed) {
        got = fread(step, 1, sizeof step, file);
        buf_append(text, step, got);
    }
    bool whole = file && !ferror(file) && !text->failed;
    int reason = text->failed ? EFBIG : errno;
    if (file)
        fclose(file);
    return whole ? 0
                 : error_set(error, ERROR_LOCAL, "cannot read %.300s: %s", path, strerror(reason));
}

int pinned_source_read(struct filesystem *fs, const char *path, struct error *error)
{
    cleanup_buf struct buf text;
    cleanup_object struct version *version = NULL;
    cleanup_object_list struct object_list files = {0};
    buf_init(&text, RESOLVED_CEILING);
    if (read_list(path, &text, error) < 0)
        return -1;
    if (client_read_resolved(fs->client, &text, &version, &files, error) < 0)
        return error_wrap(error, "%.300s", path);
    return enter(fs, version, &files, clock_nanoseconds(), error);
}

/* Whether the name, read as a SOURCE, means the same version. */
static bool means(const char *source, const struct version *version)
{
    struct artifact_name name;
    char number[NUMBER_SIZE];
    snprintf(number, sizeof number, "v%lld", (long long)version->index);
    bool same = artifact_name_parse(source, &name) && name.digest && name.organization &&
                name.collection && text_is(version->entity, name.organization) &&
                text_is(registry_name_of(version->registry), name.registry) &&
                text_is(version->collection, name.collection) &&
                strcmp(number, name.reference) == 0 && text_is(version->digest, name.digest);
    for (const char *at = source; *at; at++)
        same = same && (unsigned char)*at >= 0x20 && *at != 0x7f;
    artifact_name_release(&name);
    return same;
}

int pinned_source_name(const struct version *version, struct buf *name, struct error *error)
{
    const struct text parts[] = {version->entity, text_of("/"), version->registry, text_of("/"),
                                 version->collection};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buf_append(name, parts[i].bytes, parts[i].size);
    buf_printf(name, ":v%lld@", (long long)version->index);
    if (!buf_append(name, version->digest.bytes, version->digest.size))
        return error_set(error, ERROR_LOCAL, "out of memory");
    if (means(name->data, version))
        return 0;
    return error_set(error, ERROR_INVALID,
                     "the version has a name that cannot be written as a SOURCE; use resolve -o "
                     "FILE and --resolved FILE");
}
