/* SPDX-License-Identifier: MIT */
#include "findings.h"

#include "base/cleanup.h"
#include "base/message.h"

#include <stdio.h>

enum { LINE_CEILING = 16 << 10, STATE_WIDTH = 9, NAME_WIDTH = 13 };

static const char *const words[] = {"ok", "degraded", "unusable"};

void findings_begin(struct findings *findings, bool json)
{
    *findings = (struct findings){.list = json ? json_array() : NULL};
}

/* What the environment and the server say may hold whatever they like. */
static void put(json_t *object, const char *name, const char *text)
{
    json_t *value = json_string(text);
    json_object_set_new(object, name, value ? value : json_string("?")); /* no UTF-8 */
}

void findings_add(struct findings *findings, enum finding state, const char *name,
                  const char *found, const char *advice)
{
    cleanup_buf struct buf text;
    buf_init(&text, LINE_CEILING);
    const char *line = message_append(&text, found) ? text.data : "more than fits here";
    if (state > findings->worst)
        findings->worst = state;
    if (!findings->list) {
        printf("%-*s %-*s %s\n", STATE_WIDTH, words[state], NAME_WIDTH, name, line);
        if (advice)
            printf("%*s %s\n", STATE_WIDTH + 1 + NAME_WIDTH, "", advice);
        fflush(stdout); /* what comes next may take a while */
        return;
    }
    json_t *object = json_object();
    put(object, "check", name);
    put(object, "state", words[state]);
    put(object, "found", line);
    if (advice)
        put(object, "advice", advice);
    json_array_append_new(findings->list, object);
}

bool findings_end(struct findings *findings)
{
    int result = 0;
    if (findings->list) {
        json_t *object = json_object();
        put(object, "state", words[findings->worst]);
        json_object_set_new(object, "checks", findings->list);
        result = json_dumpf(object, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(object);
    }
    return result == 0 && fflush(stdout) == 0 && !ferror(stdout);
}
