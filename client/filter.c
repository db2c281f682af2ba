/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "filter_field.h"
#include "json_scanner.h"
#include "registry_name.h"

enum { WIRE_CEILING = 256 << 10 };

enum operand { ANY, ORDERED, LIST, BOOLEAN, TEXT, COUNT, CONDITION, CONDITIONS };

static const struct {
    const char *name;
    enum operand operand;
} operators[] = {
    {"$and", CONDITIONS}, {"$or", CONDITIONS}, {"$nor", CONDITIONS}, {"$not", CONDITION},
    {"$eq", ANY},         {"$ne", ANY},        {"$gt", ORDERED},     {"$gte", ORDERED},
    {"$lt", ORDERED},     {"$lte", ORDERED},   {"$in", LIST},        {"$nin", LIST},
    {"$exists", BOOLEAN}, {"$regex", TEXT},    {"$contains", TEXT},  {"$size", COUNT},
    {"$all", LIST},
};

static const char *const operand_words[] = {
    [ANY] = "a value",         [ORDERED] = "a number or a text",
    [LIST] = "a list",         [BOOLEAN] = "true or false",
    [TEXT] = "a text",         [COUNT] = "a whole number, 0 or more",
    [CONDITION] = "an object", [CONDITIONS] = "a list of objects",
};

/* One filter on its way from text to wire. */
struct filter {
    struct json_scanner in;
    struct buf out;
    enum filter_level level;
    enum filter_search search;
    struct error *error;
};

/* The keys of one object so far, as the server will see them: a list of NUL-terminated texts. */
struct keys {
    struct buf names;
};

static void keys_release(struct keys *keys)
{
    buf_release(&keys->names);
}

/* False: the object has it already, or there is no memory. */
static bool keys_add(struct keys *keys, const char *name)
{
    for (size_t at = 0; at < keys->names.size; at += strlen(keys->names.data + at) + 1) {
        if (strcmp(keys->names.data + at, name) == 0)
            return false;
    }
    return buf_append(&keys->names, name, strlen(name) + 1);
}

static int refuse_operand(struct filter *filter, const char *operator, enum operand operand)
{
    return error_set(filter->error, ERROR_INVALID, "the operator %s needs %s", operator,
                     operand_words[operand]);
}

static int find_operator(struct filter *filter, const char *name, enum operand *operand)
{
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, name) == 0) {
            *operand = operators[i].operand;
            return 0;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, " %s", operators[i].name);
    }
    return error_set(filter->error, ERROR_INVALID, "unknown operator \"%.60s\"; there are%s", name,
                     known);
}

/* A value as it stands; texts get a registry's prefix where the field asks for it. */
static int copy_value(struct filter *filter, bool with_prefix)
{
    struct json_token token;
    if (json_scan_value(&filter->in, &token) != 0)
        return -1;
    if (with_prefix && token.type == JSON_TOKEN_TEXT) {
        cleanup_buf struct buf text;
        buf_init(&text, FILTER_SIZE);
        if (!json_token_decode(&token, &text))
            return error_set(filter->error, ERROR_LOCAL, "out of memory");
        buf_putc(&filter->out, '"');
        if (!text.data || strncmp(text.data, REGISTRY_PREFIX, strlen(REGISTRY_PREFIX)) != 0)
            buf_puts(&filter->out, REGISTRY_PREFIX);
        buf_append(&filter->out, token.start + 1, token.size - 2);
        buf_putc(&filter->out, '"');
        return 0;
    }
    return json_scanner_copy(&filter->in, &token, &filter->out);
}

/* The elements of a list, for $in and its like. */
static int copy_list(struct filter *filter, const struct filter_field *field)
{
    bool more;
    buf_putc(&filter->out, '[');
    if (json_scan_open(&filter->in, '[', &more) != 0)
        return -1;
    while (more) {
        char next = json_scan_peek(&filter->in);
        if (!field->any_type && (next == '{' || next == '['))
            return error_set(filter->error, ERROR_INVALID,
                             "a list for %s holds texts, numbers, true, false or null",
                             field->name);
        if (copy_value(filter, field->has_prefix) != 0 ||
            json_scan_next(&filter->in, ']', &more) != 0)
            return -1;
        if (more)
            buf_putc(&filter->out, ',');
    }
    buf_putc(&filter->out, ']');
    return 0;
}

/* Whether the value that begins with `next` may be the operand. */
static bool suits(enum operand operand, const struct filter_field *field, char next)
{
    bool number = next == '-' || (next >= '0' && next <= '9');
    switch (operand) {
    case ANY:
        return field->any_type || (next != '{' && next != '[');
    case ORDERED:
        return number || next == '"';
    case LIST:
    case CONDITIONS:
        return next == '[';
    case BOOLEAN:
        return next == 't' || next == 'f';
    case TEXT:
        return next == '"';
    case COUNT:
        return next >= '0' && next <= '9';
    case CONDITION:
        return next == '{';
    }
    return false;
}

static int write_key(struct filter *filter, const char *name, struct keys *keys)
{
    if (!keys_add(keys, name))
        return error_set(filter->error, ERROR_INVALID,
                         "\"%.100s\" stands twice in one object; join the conditions with $and",
                         name);
    buf_putc(&filter->out, '"');
    json_escape(name, strlen(name), &filter->out);
    buf_puts(&filter->out, "\":");
    return 0;
}

/* Reads a key and its colon into `name`, which must have no NUL. */
static int read_key(struct filter *filter, struct buf *name)
{
    struct json_token token;
    buf_clear(name);
    if (json_scan_peek(&filter->in) != '"')
        return json_scanner_fail(&filter->in, "a key in quotes is missing");
    if (json_scan_value(&filter->in, &token) != 0)
        return -1;
    if (!json_token_decode(&token, name) || !buf_putc(name, '\0'))
        return error_set(filter->error, ERROR_LOCAL, "out of memory");
    if (strlen(name->data) + 1 != name->size)
        return json_scanner_fail(&filter->in, "a key holds \\u0000");
    return json_scan_literal(&filter->in, ':');
}

/* Calls `member` for each member of an object, which writes key and value. */
static int write_object(struct filter *filter, const struct filter_field *field,
                        int (*member)(struct filter *filter, const struct filter_field *field,
                                      const char *name, struct keys *keys))
{
    cleanup(keys_release) struct keys keys;
    cleanup_buf struct buf name;
    bool more;
    buf_init(&keys.names, 2 * FILTER_SIZE);
    buf_init(&name, FILTER_SIZE);
    buf_putc(&filter->out, '{');
    if (json_scan_open(&filter->in, '{', &more) != 0)
        return -1;
    while (more) {
        if (read_key(filter, &name) != 0 || member(filter, field, name.data, &keys) != 0 ||
            json_scan_next(&filter->in, '}', &more) != 0)
            return -1;
        if (more)
            buf_putc(&filter->out, ',');
    }
    buf_putc(&filter->out, '}');
    return 0;
}

/* A member of the object that is a field's condition: an operator and its operand. */
static int write_operator(struct filter *filter, const struct filter_field *field, const char *name,
                          struct keys *keys)
{
    enum operand operand;
    if (name[0] != '$')
        return error_set(filter->error, ERROR_INVALID,
                         "\"%.100s\" is no operator; a field in metadata is written "
                         "metadata.FIELD.FIELD",
                         name);
    if (find_operator(filter, name, &operand) != 0)
        return -1;
    if (operand == CONDITIONS)
        return error_set(filter->error, ERROR_INVALID,
                         "%s joins whole conditions, it does not stand within that of %s", name,
                         field->name);
    if (!suits(operand, field, json_scan_peek(&filter->in)))
        return refuse_operand(filter, name, operand);
    if (write_key(filter, name, keys) != 0)
        return -1;
    if (operand == CONDITION)
        return write_object(filter, field, write_operator);
    if (operand == LIST)
        return copy_list(filter, field);
    size_t start = filter->out.size;
    if (copy_value(filter, field->has_prefix && strcmp(name, "$regex") != 0) != 0)
        return -1;
    if (operand == COUNT &&
        strspn(filter->out.data + start, "0123456789") != filter->out.size - start)
        return refuse_operand(filter, name, operand);
    return 0;
}

static int write_condition(struct filter *filter, const struct filter_field *field,
                           const char *name, struct keys *keys);

static int write_conditions(struct filter *filter, const char *operator)
{
    bool more;
    buf_putc(&filter->out, '[');
    if (json_scan_open(&filter->in, '[', &more) != 0)
        return -1;
    while (more) {
        if (json_scan_peek(&filter->in) != '{')
            return refuse_operand(filter, operator, CONDITIONS);
        if (write_object(filter, NULL, write_condition) != 0 ||
            json_scan_next(&filter->in, ']', &more) != 0)
            return -1;
        if (more)
            buf_putc(&filter->out, ',');
    }
    buf_putc(&filter->out, ']');
    return 0;
}

/* $and, $or, $nor, $not over whole conditions. */
static int write_logic(struct filter *filter, const char *name, struct keys *keys)
{
    enum operand operand;
    if (find_operator(filter, name, &operand) != 0)
        return -1;
    if (operand != CONDITION && operand != CONDITIONS)
        return error_set(filter->error, ERROR_INVALID,
                         "%s needs a field in front: {\"FIELD\":{\"%s\":...}}", name, name);
    if (!suits(operand, NULL, json_scan_peek(&filter->in)))
        return refuse_operand(filter, name, operand);
    if (write_key(filter, name, keys) != 0)
        return -1;
    return operand == CONDITION ? write_object(filter, NULL, write_condition)
                                : write_conditions(filter, name);
}

/* A member of a condition: a field or a logical operator. */
static int write_condition(struct filter *filter, const struct filter_field *outer,
                           const char *name, struct keys *keys)
{
    (void)outer;
    if (name[0] == '$')
        return write_logic(filter, name, keys);
    struct filter_field field;
    cleanup_buf struct buf wire;
    buf_init(&wire, FILTER_SIZE);
    if (filter_field_find(name, filter->level, filter->search, &field, &wire, filter->error) != 0 ||
        write_key(filter, wire.data, keys) != 0)
        return -1;
    char next = json_scan_peek(&filter->in);
    if (next == '[')
        return error_set(filter->error, ERROR_INVALID,
                         "a list is no condition for %s: use $in, $all or $eq", field.name);
    if (next == '{')
        return write_object(filter, &field, write_operator);
    return copy_value(filter, field.has_prefix);
}

int filter_write(const char *json, enum filter_level level, enum filter_search search, char **wire,
                 struct error *error)
{
    struct filter filter = {.level = level, .search = search, .error = error};
    size_t size = strlen(json);
    if (size > FILTER_SIZE)
        return error_set(error, ERROR_INVALID, "a filter has at most %d bytes", FILTER_SIZE);
    json_scanner_init(&filter.in, json, size, FILTER_DEPTH, error);
    buf_init(&filter.out, WIRE_CEILING);
    int result = -1;
    if (json_scan_peek(&filter.in) != '{')
        error_set(error, ERROR_INVALID,
                  "a filter is FIELD=VALUE,... or a JSON object such as {\"name\":\"churn\"}");
    else if (write_object(&filter, NULL, write_condition) == 0)
        result = json_scan_end(&filter.in);
    if (result == 0 && filter.out.failed)
        result = error_set(error, ERROR_LOCAL, "out of memory");
    if (result == 0)
        *wire = buf_steal(&filter.out);
    buf_release(&filter.out);
    return result;
}
