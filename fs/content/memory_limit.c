/* SPDX-License-Identifier: MIT */
#include "memory_limit.h"

#include "base/banned.h"
#include "base/cleanup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void close_stream(FILE **stream)
{
    if (*stream)
        fclose(*stream);
}

#define cleanup_stream cleanup(close_stream)

/* The number in a file; UINT64_MAX for "max" or no file. */
static uint64_t number_in(const char *path)
{
    cleanup_stream FILE *file = fopen(path, "re");
    uint64_t number;
    return file && fscanf(file, "%" SCNu64, &number) == 1 ? number : UINT64_MAX;
}

/* The smallest limit of `group` and the groups above it. A container sees its own group as the root
 * of the hierarchy while `group` may be its name on the host: then only the last step is there. */
static uint64_t smallest_upwards(const char *hierarchy, char *group, const char *file)
{
    uint64_t smallest = UINT64_MAX;
    for (;;) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s%s/%s", hierarchy, group, file);
        uint64_t limit = length < (int)sizeof path ? number_in(path) : UINT64_MAX;
        if (limit < smallest)
            smallest = limit;
        char *last = strrchr(group, '/');
        if (!last)
            return smallest;
        *last = '\0';
    }
}

/* Whether version 1's list of controllers has the one for memory. */
static bool has_memory(char *controllers)
{
    char *rest;
    for (char *name = strtok_r(controllers, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (strcmp(name, "memory") == 0)
            return true;
    }
    return false;
}

uint64_t memory_limit(const char *membership, const char *hierarchies)
{
    cleanup_stream FILE *file = fopen(membership, "re");
    cleanup_free char *line = NULL;
    size_t capacity = 0;
    uint64_t smallest = UINT64_MAX;
    while (file && getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = *group++ = '\0';
        char version_1[PATH_MAX];
        snprintf(version_1, sizeof version_1, "%s/memory", hierarchies);
        uint64_t limit = UINT64_MAX;
        if (*controllers == '\0')
            limit = smallest_upwards(hierarchies, group, "memory.max");
        else if (has_memory(controllers))
            limit = smallest_upwards(version_1, group, "memory.limit_in_bytes");
        if (limit < smallest)
            smallest = limit;
    }
    return smallest;
}
