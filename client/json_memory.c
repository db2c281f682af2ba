/* SPDX-License-Identifier: MIT */
#include "json_memory.h"

#include "base/banned.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Stands before each of jansson's allocations; in the list of the parsing that made it, as long as
 * that goes on, and of no meaning afterwards. */
struct allocation {
    struct allocation *previous, *next;
};
_Static_assert(sizeof(struct allocation) == JSON_HEADER_SIZE, "what follows it stays aligned");

struct parsing {
    jmp_buf no_memory;
    struct allocation made; /* the head of a ring */
};

static _Thread_local struct parsing *parsing;

static void *allocate(size_t size)
{
    struct allocation *new = size <= SIZE_MAX - sizeof *new ? malloc(sizeof *new + size) : NULL;
    if (!parsing)
        return new ? new + 1 : NULL;
    if (!new)
        longjmp(parsing->no_memory, 1);
    *new = (struct allocation){.previous = &parsing->made, .next = parsing->made.next};
    new->next->previous = new;
    parsing->made.next = new;
    return new + 1;
}

static void release(void *memory)
{
    if (!memory)
        return;
    struct allocation *old = (struct allocation *)memory - 1;
    if (parsing) {
        old->previous->next = old->next;
        old->next->previous = old->previous;
    }
    free(old);
}

/* Before any thread: jansson reads these without a lock. */
__attribute__((constructor)) static void give_jansson_memory(void)
{
    json_set_alloc_funcs(allocate, release);
}

static void release_all(struct allocation *made)
{
    for (struct allocation *next, *at = made->next; at != made; at = next) {
        next = at->next;
        free(at);
    }
}

/* Whether the parsing ended by itself: then *json is what it said. */
static bool load(struct parsing *own, const char *text, size_t size, size_t flags,
                 json_error_t *error, json_t **json)
{
    if (setjmp(own->no_memory) != 0)
        return false;
    *json = json_loadb(text, size, flags, error);
    return true;
}

json_t *json_load(const char *text, size_t size, size_t flags, json_error_t *error)
{
    struct parsing own = {.made = {&own.made, &own.made}};
    json_t *json = NULL;
    parsing = &own;
    bool ended = load(&own, text, size, flags, error, &json);
    parsing = NULL;
    if (ended)
        return json;
    release_all(&own.made);
    if (error) {
        *error = (json_error_t){.position = 0};
        snprintf(error->text, sizeof error->text, "out of memory");
    }
    return NULL;
}

char *json_to_text(const json_t *json, size_t flags)
{
    size_t size = json_dumpb(json, NULL, 0, flags);
    char *text = size > 0 ? malloc(size + 1) : NULL;
    if (!text)
        return NULL;
    text[json_dumpb(json, text, size, flags) == size ? size : 0] = '\0';
    return text;
}
