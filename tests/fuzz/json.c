/* SPDX-License-Identifier: MIT */
/* A text that was read goes back to the server as it came, whatever its bytes (json_text.h). */
#include "fuzz.h"
#include "json_text.h"

enum { CEILING = 1 << 20 };

static json_t *parse(const char *bytes, size_t size)
{
    char problem[128];
    cleanup_buf struct buf body;
    buf_init(&body, CEILING);
    buf_append(&body, bytes, size);
    return body.failed ? NULL : json_parse(&body, CEILING, problem, sizeof problem);
}

static void must_come_back(struct text text)
{
    cleanup_json json_t *value = json_from_text(text);
    cleanup_buf struct buf written;
    buf_init(&written, CEILING);
    must(value != NULL);
    if (!json_write(value, &written))
        return;
    cleanup_json json_t *again = parse(written.data, written.size);
    must(again && text_equal(text, json_text_of(again)));
}

static void strings_must_come_back(const json_t *json)
{
    const char *key;
    json_t *value;
    size_t index;
    if (json_is_string(json))
        must_come_back(json_text_of(json));
    json_object_foreach((json_t *)(uintptr_t)json, key, value) strings_must_come_back(value);
    json_array_foreach(json, index, value) strings_must_come_back(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *json = parse((const char *)data, size);
    strings_must_come_back(json);
    return 0;
}
