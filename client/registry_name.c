/* SPDX-License-Identifier: MIT */
#include "registry_name.h"

#include "base/utf8.h"

enum { NAME_LENGTH_MOST = 128 - (sizeof REGISTRY_PREFIX - 1), TYPE_LENGTH_MOST = 128 };

struct text registry_name_of(struct text project_name)
{
    const size_t prefix = strlen(REGISTRY_PREFIX);
    if (project_name.size <= prefix || memcmp(project_name.bytes, REGISTRY_PREFIX, prefix) != 0)
        return (struct text){0};
    return (struct text){.bytes = project_name.bytes + prefix, .size = project_name.size - prefix};
}

char *registry_full_name(struct text name)
{
    const size_t prefix = strlen(REGISTRY_PREFIX);
    char *full = malloc(prefix + name.size + 1);
    if (!full)
        return NULL;
    memcpy(full, REGISTRY_PREFIX, prefix);
    memcpy(full + prefix, name.bytes, name.size);
    full[prefix + name.size] = '\0';
    return full;
}

/* Characters of a valid UTF-8 text without NUL; -1 when it is not one. */
static long character_count(struct text text)
{
    long count = 0;
    for (size_t at = 0; at < text.size; count++) {
        size_t length = utf8_sequence((const unsigned char *)text.bytes + at, text.size - at);
        if (length == 0 || text.bytes[at] == '\0')
            return -1;
        at += length;
    }
    return count;
}

int registry_check_name(struct text name, struct error *error)
{
    long count = character_count(name);
    if (count < 0)
        return error_set(error, ERROR_INVALID, "a registry's name must be UTF-8 without NUL");
    if (count == 0)
        return error_set(error, ERROR_INVALID, "a registry's name must not be empty");
    if (strcspn(name.bytes, "/\\#?%:\r\n") != name.size)
        return error_set(error, ERROR_INVALID,
                         "a registry's name must have none of / \\ # ? %% : and no line break");
    if (count > NAME_LENGTH_MOST)
        return error_set(error, ERROR_NAME_TOO_LONG,
                         "a registry's name has at most %d characters, this one has %ld",
                         NAME_LENGTH_MOST, count);
    return 0;
}

/* What \w matches: Python's rule takes letters of all scripts, told apart here by being no ASCII.
 */
static bool is_word(unsigned char byte)
{
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte == '_';
}

int registry_check_artifact_type(struct text type, struct error *error)
{
    long count = character_count(type);
    if (count <= 0)
        return error_set(error, ERROR_INVALID,
                         "an artifact type must be UTF-8 without NUL and not empty");
    /* ^[-\w]+([ ]*[-.\w]+)*$ : no dot or blank in front, no blank at the end. */
    bool matches = type.bytes[0] != '.' && type.bytes[0] != ' ' && type.bytes[type.size - 1] != ' ';
    for (size_t i = 0; i < type.size; i++) {
        unsigned char byte = (unsigned char)type.bytes[i];
        matches &= is_word(byte) || byte == '-' || byte == '.' || byte == ' ';
    }
    if (!matches)
        return error_set(error, ERROR_INVALID,
                         "an artifact type has letters, digits, _ and -, blanks and dots only "
                         "inside: \"%s\" breaks that rule",
                         type.bytes);
    if (count > TYPE_LENGTH_MOST)
        return error_set(error, ERROR_INVALID,
                         "an artifact type has at most %d characters, this one has %ld",
                         TYPE_LENGTH_MOST, count);
    return 0;
}
