/* SPDX-License-Identifier: MIT */
#include "registry_text.h"

#include "base/utf8.h"

enum { MOST_TYPES = 4096, ROLE_CEILING = 4096 };

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct text without_leading_blanks(struct text text)
{
    while (text.size > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.size--;
    }
    return text;
}

static struct text trimmed(struct text text)
{
    text = without_leading_blanks(text);
    while (text.size > 0 && is_blank(text.bytes[text.size - 1]))
        text.size--;
    return text;
}

void wanted_release(struct wanted *wanted)
{
    free((struct text *)(uintptr_t)wanted->new_types.items);
    free(wanted->bytes);
    *wanted = (struct wanted){0};
}

static int refuse_memory(struct error *error)
{
    return error_set(error, ERROR_LOCAL, "out of memory");
}

/* A copy of the text that ends in NUL, so that checks may treat it as a string. */
static int keep(struct wanted *wanted, struct text *text, struct error *error)
{
    if (utf8_valid_length(text->bytes, text->size) != text->size)
        return error_set(error, ERROR_INVALID, "the text is not UTF-8, or contains NUL");
    wanted->bytes = malloc(text->size + 1);
    if (!wanted->bytes)
        return refuse_memory(error);
    if (text->size > 0)
        memcpy(wanted->bytes, text->bytes, text->size);
    wanted->bytes[text->size] = '\0';
    text->bytes = wanted->bytes;
    return 0;
}

/* --- name --- */

static bool begins_name(struct text text)
{
    struct error error = {0};
    struct text name = trimmed(text);
    size_t valid = utf8_valid_length(name.bytes, name.size);
    if (valid < name.size && utf8_is_beginning(name.bytes + valid, name.size - valid))
        name.size = valid;
    struct wanted copy = {0};
    bool good = name.size == 0 ||
                (keep(&copy, &name, &error) == 0 && registry_check_name(name, &error) == 0);
    wanted_release(&copy);
    return good || error.kind == ERROR_LOCAL;
}

static int parse_name(struct text text, const void *object, struct wanted *wanted,
                      struct error *error)
{
    const struct registry *now = object;
    struct text name = trimmed(text);
    if (keep(wanted, &name, error) != 0 || registry_check_name(name, error) != 0)
        return -1;
    wanted->nothing = text_equal(name, now->name);
    wanted->new_name = name;
    return 0;
}

/* --- description --- */

static int parse_description(struct text text, const void *object, struct wanted *wanted,
                             struct error *error)
{
    const struct registry *now = object;
    if (text.size > 0 && text.bytes[text.size - 1] == '\n')
        text.size--;
    if (text.size > DESCRIPTION_CEILING)
        return error_set(error, ERROR_TOO_LARGE, "a description has at most %d bytes",
                         DESCRIPTION_CEILING);
    if (keep(wanted, &text, error) != 0)
        return -1;
    wanted->nothing = text_equal(text, now->description);
    wanted->description = text;
    wanted->change.description = &wanted->description;
    return 0;
}

/* --- one of two words --- */

/* The number of the word, -1: neither. */
static int choose(const char *const words[2], struct text text)
{
    text = trimmed(text);
    return text_is(text, words[0]) ? 0 : text_is(text, words[1]) ? 1 : -1;
}

static bool begins_choice(const char *const words[2], struct text text)
{
    struct text rest = without_leading_blanks(text);
    if (rest.size == 0 || choose(words, text) >= 0)
        return true;
    return strncmp(words[0], rest.bytes, rest.size) == 0 ||
           strncmp(words[1], rest.bytes, rest.size) == 0;
}

static int parse_choice(const char *const words[2], struct text text, struct error *error)
{
    int choice = choose(words, text);
    return choice >= 0 ? choice
                       : error_set(error, ERROR_INVALID, "this can be %s or %s, nothing else",
                                   words[0], words[1]);
}

static const char *const visibilities[] = {"organization", "restricted"};
static const char *const booleans[] = {"false", "true"};

static bool begins_visibility(struct text text)
{
    return begins_choice(visibilities, text);
}

static bool begins_boolean(struct text text)
{
    return begins_choice(booleans, text);
}

static int parse_visibility(struct text text, const void *object, struct wanted *wanted,
                            struct error *error)
{
    const struct registry *now = object;
    int choice = parse_choice(visibilities, text, error);
    if (choice < 0)
        return -1;
    wanted->visibility = choice == 1 ? VISIBILITY_RESTRICTED : VISIBILITY_ORGANIZATION;
    wanted->nothing = wanted->visibility == now->visibility;
    wanted->change.visibility = &wanted->visibility;
    return 0;
}

static int parse_allow_all(struct text text, const void *object, struct wanted *wanted,
                           struct error *error)
{
    const struct registry *now = object;
    int choice = parse_choice(booleans, text, error);
    if (choice < 0)
        return -1;
    wanted->allow_all = choice == 1;
    wanted->nothing = wanted->allow_all == now->allow_all_artifact_types;
    wanted->change.allow_all_artifact_types = &wanted->allow_all;
    return 0;
}

/* --- artifact_types --- */

static char shown(char byte)
{
    return byte == '\n' || byte == '\r' ? ' ' : byte;
}

/* Whether both look the same in the file: a line break within a type is shown as a blank. */
static bool look_the_same(struct text a, struct text b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        if (shown(a.bytes[i]) != shown(b.bytes[i]))
            return false;
    }
    return true;
}

static bool is_among(const struct text *items, size_t count, struct text line)
{
    for (size_t i = 0; i < count; i++) {
        if (look_the_same(line, items[i]))
            return true;
    }
    return false;
}

/* Cuts the text into lines, in place. Blank ones and duplicates are left out. */
static size_t split(char *bytes, struct text *lines)
{
    size_t count = 0;
    for (char *line = bytes, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        struct text text = text_of(line);
        if (trimmed(text).size > 0 && !is_among(lines, count, text))
            lines[count++] = text;
    }
    return count;
}

static bool is_saved(const struct registry *now, struct text line)
{
    return is_among(now->artifact_types.items, now->artifact_types.count, line);
}

static int check_new_types(const struct registry *now, const struct text *lines, size_t count,
                           struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (is_saved(now, lines[i]))
            continue;
        if (registry_check_artifact_type(lines[i], error) != 0)
            return -1;
        if (now->allow_all_artifact_types)
            return error_set(error, ERROR_INVALID,
                             "all types are allowed: write false to allow_all_artifact_types "
                             "before types are added");
    }
    return 0;
}

static int check_saved_types(const struct texts *saved, const struct text *lines, size_t count,
                             struct error *error)
{
    for (size_t i = 0; i < saved->count; i++) {
        if (!is_among(lines, count, saved->items[i]) && trimmed(saved->items[i]).size > 0)
            return error_set(error, ERROR_NOT_PERMITTED,
                             "types can be added, never removed: the line %s is missing",
                             saved->items[i].bytes);
    }
    return 0;
}

static int parse_artifact_types(struct text text, const void *object, struct wanted *wanted,
                                struct error *error)
{
    const struct registry *now = object;
    if (keep(wanted, &text, error) != 0)
        return -1;
    size_t most = 1;
    for (size_t i = 0; i < text.size; i++)
        most += text.bytes[i] == '\n';
    if (most > MOST_TYPES)
        return error_set(error, ERROR_TOO_LARGE, "more than %d lines", MOST_TYPES);
    struct text *lines = calloc(most, sizeof *lines);
    if (!lines)
        return refuse_memory(error);
    wanted->new_types.items = lines;
    size_t count = split(wanted->bytes, lines);
    /* What is wrong with a line comes first: lines that are missing may follow. */
    if (check_new_types(now, lines, count, error) != 0 ||
        check_saved_types(&now->artifact_types, lines, count, error) != 0)
        return -1;
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_saved(now, lines[i]))
            lines[added++] = lines[i];
    }
    wanted->new_types.count = added;
    wanted->nothing = added == 0;
    wanted->change.new_artifact_types = &wanted->new_types;
    return 0;
}

/* --- a member's role --- */

static bool is_control(char byte)
{
    return (unsigned char)byte < ' ' || byte == 0x7f;
}

/* Any other text may be a role: organizations have their own. */
static int parse_role(struct text text, const void *object, struct wanted *wanted,
                      struct error *error)
{
    const struct registry_member *now = object;
    struct text role = trimmed(text);
    if (role.size == 0)
        return error_set(error, ERROR_INVALID, "a role is not empty; rm removes a member");
    for (size_t i = 0; i < role.size; i++) {
        if (is_control(role.bytes[i]))
            return error_set(error, ERROR_INVALID, "a role has no control characters");
    }
    if (role.size > ROLE_CEILING)
        return error_set(error, ERROR_INVALID, "a role has at most %d bytes", ROLE_CEILING);
    if (keep(wanted, &role, error) != 0)
        return -1;
    wanted->nothing = text_equal(role, now->role);
    wanted->role = role;
    return 0;
}

static bool begins_role(struct text text)
{
    struct text role = trimmed(text);
    for (size_t i = 0; i < role.size; i++) {
        if (is_control(role.bytes[i]))
            return false;
    }
    return role.size <= ROLE_CEILING;
}

const struct editing editing_role = {COMMIT_LINE, false, begins_role, false, parse_role};
const struct editing editing_name = {COMMIT_LINE, false, begins_name, false, parse_name};
const struct editing editing_description = {COMMIT_TEXT, true, NULL, false, parse_description};
const struct editing editing_visibility = {COMMIT_LINE, false, begins_visibility, false,
                                           parse_visibility};
const struct editing editing_allow_all = {COMMIT_LINE, false, begins_boolean, false,
                                          parse_allow_all};
const struct editing editing_artifact_types = {COMMIT_TEXT, true, NULL, true, parse_artifact_types};
