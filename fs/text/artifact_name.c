/* SPDX-License-Identifier: MIT */
#include "artifact_name.h"

#include "base/banned.h"

#include <ctype.h>
#include <strings.h>

#define REGISTRY_PREFIX "wandb-registry-"
#define ARTIFACT_SCHEME "wandb-artifact:"

enum { MOST_PARTS = 8 };

void artifact_name_release(struct artifact_name *name)
{
    free(name->memory);
    *name = (struct artifact_name){0};
}

void percent_decode(char *text, bool form)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        unsigned value;
        if (at[0] == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]) &&
            sscanf(at + 1, "%2x", &value) == 1 && value) {
            *to++ = (char)value;
            at += 2;
        } else {
            *to++ = form && *at == '+' ? ' ' : *at;
        }
    }
    *to = '\0';
}

/* Cuts a path at its slashes, in place. 0: more parts than any name has, or an empty one. */
static int split(char *path, char *parts[MOST_PARTS])
{
    int count = 0;
    path += strspn(path, "/");
    for (char *next = path; next; count++) {
        if (count == MOST_PARTS)
            return 0;
        parts[count] = next;
        next = strchr(next, '/');
        if (next)
            *next++ = '\0';
        if (!parts[count][0])
            return 0;
    }
    return count;
}

static char *without_prefix(char *project)
{
    size_t prefix = strlen(REGISTRY_PREFIX);
    return strncmp(project, REGISTRY_PREFIX, prefix) == 0 && project[prefix] ? project + prefix
                                                                             : NULL;
}

/* The colon of :vN@DIGEST at the end of a path; a collection's name may itself hold colons. NULL:
 * there is none. */
static char *find_pin(char *path)
{
    char *at = strrchr(path, '@');
    char *digit = at;
    while (digit && digit > path && isdigit((unsigned char)digit[-1]))
        digit--;
    bool pinned = at && digit < at && at[1] && digit - path >= 2 &&
                  memcmp(digit - 2, ":v", 2) == 0 && !strchr(at, '/');
    return pinned ? digit - 2 : NULL;
}

/* [ORG/]PROJECT/COLLECTION[:REFERENCE | :vN@DIGEST], in place. */
static bool parse_path(char *path, struct artifact_name *name)
{
    char *parts[MOST_PARTS];
    char *pin = find_pin(path);
    name->reference = pin ? pin : strchr(path, ':');
    if (name->reference)
        *name->reference++ = '\0';
    if (pin) {
        name->digest = strchr(name->reference, '@');
        *name->digest++ = '\0';
    }
    int count = split(path, parts);
    if ((count != 2 && count != 3) || (name->reference && !name->reference[0]))
        return false;
    name->organization = count == 3 ? parts[0] : NULL;
    name->registry = without_prefix(parts[count - 2]);
    name->collection = parts[count - 1];
    return name->registry != NULL;
}

/* The value of a query's member, cut out of the query and decoded; NULL: it has none. */
static char *query_value(char *query, const char *member)
{
    size_t size = strlen(member);
    for (char *at = query; at; at = strchr(at, '&')) {
        at += *at == '&';
        if (strncmp(at, member, size) != 0 || at[size] != '=')
            continue;
        char *value = strndup(at + size + 1, strcspn(at + size + 1, "&#"));
        if (value)
            percent_decode(value, true);
        return value;
    }
    return NULL;
}

/* Appends to the name's memory, which has room for it. */
static char *keep(struct artifact_name *name, size_t *used, const char *text)
{
    char *copy = name->memory + *used;
    *used += strlen(text) + 1;
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

/* {app}/orgs/ORG/registry/NAME?selectionPath=ENTITY/PROJECT/COLLECTION&version=vN: the selection
 * counts, the path stands in for what it lacks. */
static bool parse_page(char *path, char *query, size_t used, struct artifact_name *name)
{
    char *parts[MOST_PARTS];
    int count = split(path, parts);
    bool page = count == 4 && strcmp(parts[0], "orgs") == 0 && strcmp(parts[2], "registry") == 0;
    for (int i = 0; i < count; i++)
        percent_decode(parts[i], false);
    if (count >= 6 && strcmp(parts[2], "artifacts") == 0) {
        name->organization = parts[0];
        name->registry = without_prefix(parts[1]);
        name->collection = parts[4];
        name->reference = parts[5];
        return name->registry != NULL;
    }
    char *selection = query_value(query, "selectionPath");
    char *version = query_value(query, "version");
    bool good = page;
    if (page) {
        name->organization = parts[1];
        name->registry = parts[3];
    }
    if (page && selection) {
        name->collection = keep(name, &used, selection);
        char *slash = strchr(name->collection, '/');
        slash = slash ? strchr(slash + 1, '/') : NULL;
        good = slash && slash[1];
        name->collection = good ? slash + 1 : NULL;
    }
    if (page && version)
        name->reference = keep(name, &used, version);
    free(selection);
    free(version);
    return good;
}

/* What stands behind "http://HOST". */
static bool parse_address(char *path, struct artifact_name *name, size_t used)
{
    char *query = path + strcspn(path, "?#");
    bool has_query = *query == '?';
    *query = '\0';
    for (size_t size = strlen(path); size > 0 && path[size - 1] == '/'; size--)
        path[size - 1] = '\0';
    if (strncmp(path, "/orgs/", 6) == 0 || strstr(path, "/artifacts/"))
        return parse_page(path, has_query ? query + 1 : NULL, used, name);
    percent_decode(path, false);
    return parse_path(path, name);
}

bool artifact_name_parse(const char *source, struct artifact_name *name)
{
    size_t size = strlen(source) + 1;
    *name = (struct artifact_name){.memory = malloc(3 * size)};
    if (!name->memory)
        return false;
    memcpy(name->memory, source, size);
    if (strncmp(source, ARTIFACT_SCHEME, strlen(ARTIFACT_SCHEME)) == 0)
        return parse_path(name->memory + strlen(ARTIFACT_SCHEME), name);
    bool web = strncasecmp(source, "http://", 7) == 0 || strncasecmp(source, "https://", 8) == 0;
    if (!web)
        return parse_path(name->memory, name);
    char *host = strstr(name->memory, "://") + 3;
    return parse_address(host + strcspn(host, "/?#"), name, size);
}
