/* SPDX-License-Identifier: MIT */
#include "member.h"

#include "inode/filesystem.h"
#include "provenance_file.h"
#include "status.h"
#include "text/name.h"

#include <sys/stat.h>

bool member_append_shown(struct buf *text, struct text value)
{
    size_t start = text->size;
    if (!buf_append(text, value.bytes, value.size))
        return false;
    for (size_t at = start; at < text->size; at++) {
        if (text_is_surrogate((struct text){text->data + at, text->size - at}))
            memcpy(text->data + at, REPLACEMENT_CHARACTER, SURROGATE_SIZE);
    }
    return true;
}

static bool render_text(struct filesystem *fs, const struct member *member, const void *object,
                        struct buf *text)
{
    (void)fs;
    struct text value = *(const struct text *)(const void *)((const char *)object + member->offset);
    if (value.size == 0)
        return true;
    return member_append_shown(text, value) && buf_putc(text, '\n');
}

/* Appends an item and the end of its line; a line break inside would make two of it, so it is shown
 * as a blank. */
static bool append_line(struct buf *text, struct text item)
{
    size_t start = text->size;
    if (!member_append_shown(text, item))
        return false;
    for (size_t at = start; at < text->size; at++) {
        if (text->data[at] == '\n' || text->data[at] == '\r')
            text->data[at] = ' ';
    }
    return buf_putc(text, '\n');
}

static bool render_line(struct filesystem *fs, const struct member *member, const void *object,
                        struct buf *text)
{
    (void)fs;
    struct text value = *(const struct text *)(const void *)((const char *)object + member->offset);
    return value.size == 0 || append_line(text, value);
}

static bool render_list(struct filesystem *fs, const struct member *member, const void *object,
                        struct buf *text)
{
    (void)fs;
    const struct texts *list = (const void *)((const char *)object + member->offset);
    for (size_t i = 0; i < list->count; i++) {
        if (!append_line(text, list->items[i]))
            return false;
    }
    return true;
}

static int64_t number_of(const struct member *member, const void *object)
{
    return *(const int64_t *)(const void *)((const char *)object + member->offset);
}

static bool render_number(struct filesystem *fs, const struct member *member, const void *object,
                          struct buf *text)
{
    (void)fs;
    return buf_printf(text, "%lld\n", (long long)number_of(member, object));
}

/* Seconds; 0 or less is no limit. */
static bool render_ttl(struct filesystem *fs, const struct member *member, const void *object,
                       struct buf *text)
{
    return number_of(member, object) <= 0 || render_number(fs, member, object, text);
}

/* A negative one stands for null. */
static bool render_known(struct filesystem *fs, const struct member *member, const void *object,
                         struct buf *text)
{
    return number_of(member, object) < 0 || render_number(fs, member, object, text);
}

static bool render_visibility(struct filesystem *fs, const struct member *member,
                              const void *object, struct buf *text)
{
    (void)fs;
    (void)member;
    const struct registry *registry = object;
    return buf_puts(text, registry->visibility == VISIBILITY_RESTRICTED ? "restricted\n"
                                                                        : "organization\n");
}

static bool render_allow_all(struct filesystem *fs, const struct member *member, const void *object,
                             struct buf *text)
{
    (void)fs;
    (void)member;
    const struct registry *registry = object;
    return buf_puts(text, registry->allow_all_artifact_types ? "true\n" : "false\n");
}

static bool render_metadata(struct filesystem *fs, const struct member *member, const void *object,
                            struct buf *text)
{
    (void)fs;
    (void)member;
    return metadata_format(((const struct version *)object)->metadata, text);
}

static bool end_address(struct buf *text, size_t start)
{
    return text->size == start || buf_putc(text, '\n');
}

static bool render_registry_address(struct filesystem *fs, const struct member *member,
                                    const void *object, struct buf *text)
{
    (void)member;
    size_t start = text->size;
    return client_registry_address(fs->client, object, text) && end_address(text, start);
}

static bool render_collection_address(struct filesystem *fs, const struct member *member,
                                      const void *object, struct buf *text)
{
    (void)member;
    size_t start = text->size;
    return client_collection_address(fs->client, object, text) && end_address(text, start);
}

static bool render_version_address(struct filesystem *fs, const struct member *member,
                                   const void *object, struct buf *text)
{
    (void)member;
    size_t start = text->size;
    return client_version_address(fs->client, object, text) && end_address(text, start);
}

static bool render_provenance(struct filesystem *fs, const struct member *member,
                              const void *object, struct buf *text)
{
    (void)fs;
    (void)member;
    struct text whole = provenance_text(object);
    return whole.size == 0 || buf_append(text, whole.bytes, whole.size);
}

bool member_shares_text(const struct member *member, const void *object, struct text *text)
{
    if (!member || member->render != render_provenance)
        return false;
    *text = provenance_text(object);
    return true;
}

off_t member_known_size(const struct member *member, const void *object)
{
    if (member && member->render == render_provenance)
        return (off_t)provenance_size(object);
    if (!member || member->render != render_metadata)
        return -1;
    return (off_t)((const struct version *)object)->metadata_size;
}

enum { DIRECTORY = S_IFDIR | 0555, EDITABLE = S_IFREG | 0644, FIXED = S_IFREG | 0444 };

#define AT(type, field) offsetof(struct type, field)

static const struct member registry_members[] = {
    {"name", EDITABLE, MEMBER_NAME, AT(registry, name), render_text, &editing_name},
    {"description", EDITABLE, 2, AT(registry, description), render_text, &editing_description},
    {"visibility", EDITABLE, 3, AT(registry, visibility), render_visibility, &editing_visibility},
    {"allow_all_artifact_types", EDITABLE, 4, AT(registry, allow_all_artifact_types),
     render_allow_all, &editing_allow_all},
    {"artifact_types", EDITABLE, 5, AT(registry, artifact_types), render_list,
     &editing_artifact_types},
    {"full_name", FIXED, 6, AT(registry, full_name), render_text, NULL},
    {"organization", FIXED, 7, AT(registry, organization), render_text, NULL},
    {"entity", FIXED, 8, AT(registry, entity), render_text, NULL},
    {"id", FIXED, 9, AT(registry, id), render_text, NULL},
    {"created_at", FIXED, 10, AT(registry, created_at), render_text, NULL},
    {"updated_at", FIXED, 11, AT(registry, updated_at), render_text, NULL},
    {"url", FIXED, 12, 0, render_registry_address, NULL},
    {"collections", DIRECTORY, MEMBER_COLLECTIONS, 0, NULL, NULL},
    {"versions", DIRECTORY, MEMBER_VERSIONS, 0, NULL, NULL},
    {"members", DIRECTORY, MEMBER_MEMBERS, 0, NULL, NULL},
};

static const struct member collection_members[] = {
    {"name", FIXED, 1, AT(collection, name), render_text, NULL},
    {"id", FIXED, 2, AT(collection, id), render_text, NULL},
    {"description", FIXED, 3, AT(collection, description), render_text, NULL},
    {"type", FIXED, 4, AT(collection, type), render_text, NULL},
    {"tags", FIXED, 5, AT(collection, tags), render_list, NULL},
    {"created_at", FIXED, 6, AT(collection, created_at), render_text, NULL},
    {"updated_at", FIXED, 7, AT(collection, updated_at), render_text, NULL},
    {"url", FIXED, 8, 0, render_collection_address, NULL},
    {"versions", DIRECTORY, MEMBER_VERSIONS, 0, NULL, NULL},
    {"aliases", DIRECTORY, MEMBER_ALIASES, 0, NULL, NULL},
};

static const struct member version_members[] = {
    {"id", FIXED, 1, AT(version, id), render_text, NULL},
    {"type", FIXED, 2, AT(version, type), render_text, NULL},
    {"state", FIXED, 3, AT(version, state), render_text, NULL},
    {"description", FIXED, 4, AT(version, description), render_text, NULL},
    {"digest", FIXED, 5, AT(version, digest), render_text, NULL},
    {"size", FIXED, 6, AT(version, size), render_number, NULL},
    {"file_count", FIXED, 7, AT(version, file_count), render_known, NULL},
    {"commit_hash", FIXED, 8, AT(version, commit_hash), render_text, NULL},
    {"history_step", FIXED, 9, AT(version, history_step), render_known, NULL},
    {"ttl", FIXED, 10, AT(version, ttl_seconds), render_ttl, NULL},
    {"source_name", FIXED, 11, AT(version, source_name), render_text, NULL},
    {"created_at", FIXED, 12, AT(version, created_at), render_text, NULL},
    {"updated_at", FIXED, 13, AT(version, updated_at), render_text, NULL},
    {"aliases", FIXED, 14, AT(version, aliases), render_list, NULL},
    {"tags", FIXED, 15, AT(version, tags), render_list, NULL},
    {"metadata.json", FIXED, 16, AT(version, metadata), render_metadata, NULL},
    {"url", FIXED, 17, 0, render_version_address, NULL},
    {"files", DIRECTORY, MEMBER_FILES, 0, NULL, NULL},
    {"lineage", DIRECTORY, MEMBER_LINEAGE, 0, NULL, NULL},
};

static const struct member control_members[] = {
    {"status", S_IFREG | 0400, 1, 0, render_status, NULL},
    {"errors", S_IFREG | 0400, 2, 0, render_errors, NULL},
    {"metrics", S_IFREG | 0400, 3, 0, render_metrics, NULL},
    {"unsaved", S_IFDIR | 0700, MEMBER_UNSAVED, 0, NULL, NULL},
};

#define ROWS(table)                                                                                \
    {                                                                                              \
        table, sizeof table / sizeof table[0]                                                      \
    }

static const struct {
    const struct member *rows;
    size_t count;
} tables[NODE_KINDS] = {
    [NODE_REGISTRY] = ROWS(registry_members),
    [NODE_COLLECTION] = ROWS(collection_members),
    [NODE_VERSION] = ROWS(version_members),
    [NODE_CONTROL] = ROWS(control_members),
};

const struct member *members_of(enum node_kind kind, size_t *count)
{
    *count = tables[kind].count;
    return tables[kind].rows;
}

const struct member *member_by_name(enum node_kind kind, const char *name)
{
    for (size_t i = 0; i < tables[kind].count; i++) {
        if (strcmp(tables[kind].rows[i].name, name) == 0)
            return &tables[kind].rows[i];
    }
    return NULL;
}

const struct member *member_by_id(enum node_kind kind, uint8_t id)
{
    for (size_t i = 0; i < tables[kind].count; i++) {
        if (tables[kind].rows[i].id == id)
            return &tables[kind].rows[i];
    }
    return NULL;
}

const struct member *member_of(struct place place)
{
    static const struct member provenance = {.mode = FIXED, .render = render_provenance};
    static const struct member role = {.name = "role",
                                       .mode = EDITABLE,
                                       .offset = AT(registry_member, role),
                                       .render = render_line,
                                       .editing = &editing_role};
    if (place.node->kind == NODE_ROLE)
        return &role;
    return place.node->kind == NODE_PROVENANCE ? &provenance
                                               : member_by_id(place.node->kind, place.member);
}

void member_dates(enum node_kind kind, const void *object, struct text *created,
                  struct text *updated)
{
    static const int offsets[NODE_KINDS][2] = {
        [NODE_REGISTRY] = {AT(registry, created_at), AT(registry, updated_at)},
        [NODE_COLLECTION] = {AT(collection, created_at), AT(collection, updated_at)},
        [NODE_VERSION] = {AT(version, created_at), AT(version, updated_at)},
        [NODE_LINK] = {AT(version, created_at), AT(version, updated_at)},
        [NODE_REGISTRY_LINK] = {AT(registry, created_at), AT(registry, updated_at)},
        [NODE_COLLECTION_LINK] = {AT(collection, created_at), AT(collection, updated_at)},
    };
    *created = *updated = (struct text){0};
    if (!object || !offsets[kind][0])
        return;
    *created = *(const struct text *)(const void *)((const char *)object + offsets[kind][0]);
    *updated = *(const struct text *)(const void *)((const char *)object + offsets[kind][1]);
}
