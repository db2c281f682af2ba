/* SPDX-License-Identifier: MIT */
/*
 * Every call of the client on any answers. Input: the name of the call on a line, then the bodies
 * of the answers with a line "---" between them; a body may begin with a line "!STATUS", and
 * "!lost" is an answer that does not arrive. `corpus-of-cases` writes the decoder cases that way.
 */
#include "../unit/scripted.h"
#include "base/banned.h"
#include "fuzz.h"

enum { LONGEST_NAME = 64 };

static const uint8_t *next, *end;

static bool is_call(const char *name)
{
    for (size_t i = 0; scripted_call_name(i); i++) {
        if (strcmp(scripted_call_name(i), name) == 0)
            return true;
    }
    return false;
}

/* Takes the text up to a separator. False: there is none left. */
static bool take(const char *separator, const uint8_t **text, size_t *size)
{
    if (!next)
        return false;
    const uint8_t *found = memmem(next, (size_t)(end - next), separator, strlen(separator));
    *text = next;
    *size = (size_t)((found ? found : end) - next);
    next = found ? found + strlen(separator) : NULL;
    return true;
}

bool scripted_next(struct scripted_reply *reply, struct buf *body)
{
    const uint8_t *text;
    size_t size;
    if (!take("\n---\n", &text, &size))
        return false;
    const uint8_t *line_end = size && *text == '!' ? memchr(text, '\n', size) : NULL;
    if (line_end) {
        char line[8] = "";
        size_t length = (size_t)(line_end - text);
        memcpy(line, text + 1, length > sizeof line ? sizeof line - 1 : length - 1);
        reply->lost = strcmp(line, "lost") == 0;
        reply->status = (int)strtol(line, NULL, 10);
        size -= length + 1;
        text = line_end + 1;
    }
    if (size && *text == '<')
        reply->content_type = "text/html";
    return buf_append(body, text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    const uint8_t *name;
    size_t length;
    char call[LONGEST_NAME] = "";
    if (!nowhere)
        stdout = nowhere = fopen("/dev/null", "w");
    next = data;
    end = data + size;
    take("\n", &name, &length);
    if (length >= sizeof call)
        return -1;
    memcpy(call, name, length);
    if (!is_call(call))
        return -1;
    scripted_call(call);
    return 0;
}
