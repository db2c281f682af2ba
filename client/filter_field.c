/* SPDX-License-Identifier: MIT */
#include "filter_field.h"

enum { MOST_ALIASES = 2 };

struct row {
    const char *name;
    const char *aliases[MOST_ALIASES]; /* what clients may call it; rewritten before sending */
    enum filter_value value;
};

#define NO_ALIAS                                                                                   \
    {                                                                                              \
        NULL                                                                                       \
    }
#define TEXT  FILTER_VALUE_TEXT
#define WHOLE FILTER_VALUE_WHOLE_NUMBER
#define ANY   FILTER_VALUE_ANY

static const struct row registries_basic[] = {
    {"id", NO_ALIAS, WHOLE},         {"name", NO_ALIAS, TEXT},       {"entity_id", NO_ALIAS, WHOLE},
    {"description", NO_ALIAS, TEXT}, {"created_at", NO_ALIAS, TEXT}, {"updated_at", NO_ALIAS, TEXT},
    {NULL, NO_ALIAS, TEXT},
};

static const struct row registries_advanced[] = {
    {"project_id", {"id"}, WHOLE},
    {"name", NO_ALIAS, TEXT},
    {"entity_id", NO_ALIAS, WHOLE},
    {NULL, NO_ALIAS, TEXT},
};

static const struct row collections_basic[] = {
    {"artifact_collection_id", {"collection_id", "id"}, WHOLE},
    {"name", NO_ALIAS, TEXT},
    {"tag", NO_ALIAS, TEXT},
    {"description", NO_ALIAS, TEXT},
    {"created_at", NO_ALIAS, TEXT},
    {"updated_at", NO_ALIAS, TEXT},
    {NULL, NO_ALIAS, TEXT},
};

static const struct row collections_advanced[] = {
    {"artifact_collection_id", {"collection_id", "id"}, WHOLE},
    {"name", {"collection_name", "artifact_collection_name"}, TEXT},
    {"tag", {"tags"}, TEXT},
    {NULL, NO_ALIAS, TEXT},
};

static const struct row versions_basic[] = {
    {"id", NO_ALIAS, WHOLE},        {"version", NO_ALIAS, WHOLE}, {"tag", NO_ALIAS, TEXT},
    {"alias", NO_ALIAS, TEXT},      {"metadata", NO_ALIAS, ANY},  {"created_at", NO_ALIAS, TEXT},
    {"updated_at", NO_ALIAS, TEXT}, {NULL, NO_ALIAS, TEXT},
};

static const struct row versions_advanced[] = {
    {"artifact_id", {"id"}, WHOLE},
    {"version", {"version_index"}, WHOLE},
    {"tag", {"tags"}, TEXT},
    {"alias", {"aliases"}, TEXT},
    {"metadata", {"artifact_metadata"}, ANY},
    {"artifact_created_at", {"created_at"}, TEXT},
    {"artifact_size", NO_ALIAS, WHOLE},
    {NULL, NO_ALIAS, TEXT},
};

static const struct row *const tables[FILTER_LEVELS][2] = {
    [FILTER_REGISTRIES] = {registries_basic, registries_advanced},
    [FILTER_COLLECTIONS] = {collections_basic, collections_advanced},
    [FILTER_VERSIONS] = {versions_basic, versions_advanced},
};

static const char *const level_words[] = {
    [FILTER_REGISTRIES] = "registries",
    [FILTER_COLLECTIONS] = "collections",
    [FILTER_VERSIONS] = "versions",
};

static bool is(const char *word, const char *name, size_t size)
{
    return word && strlen(word) == size && memcmp(word, name, size) == 0;
}

static bool has_name(const struct row *row, const char *name, size_t size)
{
    bool found = is(row->name, name, size);
    for (int i = 0; i < MOST_ALIASES; i++)
        found |= is(row->aliases[i], name, size);
    return found;
}

static const struct row *find_row(const struct row *rows, const char *name, size_t size)
{
    for (int i = 0; rows[i].name; i++) {
        if (has_name(&rows[i], name, size))
            return &rows[i];
    }
    return NULL;
}

static int refuse(const struct row *rows, const char *name, enum filter_level level,
                  enum filter_search search, struct error *error)
{
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; rows[i].name; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 rows[i].name);
    return error_set(error, ERROR_INVALID, "unknown field \"%.100s\"; %s%s are filtered by %s",
                     name, search == FILTER_ADVANCED ? "in the advanced search for versions, " : "",
                     level_words[level], known);
}

int filter_field_find(const char *name, enum filter_level level, enum filter_search search,
                      struct filter_field *field, struct buf *wire, struct error *error)
{
    const struct row *rows = tables[level][search];
    size_t head = strcspn(name, ".");
    const struct row *row = find_row(rows, name, head);
    if (!row)
        return refuse(rows, name, level, search, error);
    if (name[head] && row->value != FILTER_VALUE_ANY)
        return error_set(error, ERROR_INVALID, "%s has no fields of its own (\"%.100s\")",
                         row->name, name);
    *field = (struct filter_field){
        .name = row->name,
        .any_type = row->value == FILTER_VALUE_ANY,
        .has_prefix = level == FILTER_REGISTRIES && strcmp(row->name, "name") == 0,
    };
    if (!buf_puts(wire, row->name) || !buf_puts(wire, name + head))
        return error_set(error, ERROR_LOCAL, "out of memory");
    return 0;
}

enum filter_value filter_field_value(const char *name, size_t size)
{
    const char *dot = memchr(name, '.', size);
    size_t head = dot ? (size_t)(dot - name) : size;
    for (int level = 0; level < FILTER_LEVELS; level++) {
        for (int search = FILTER_BASIC; search <= FILTER_ADVANCED; search++) {
            const struct row *row = find_row(tables[level][search], name, head);
            if (row)
                return row->value;
        }
    }
    return FILTER_VALUE_TEXT;
}
