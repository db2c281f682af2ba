/* SPDX-License-Identifier: MIT */
/* A query as somebody types it, at every level and for both searches: what is sent is JSON, in the
 * server's names, and so would stay as it is if it were typed; what is refused says why. */
#include "filter.h"
#include "fuzz.h"
#include "json_text.h"

static void must_be_refused_well(const struct error *error)
{
    must(error->kind == ERROR_INVALID && error->message[0]);
}

static void must_be_json(const char *text)
{
    enum { CEILING = 1 << 20 };
    char problem[128];
    cleanup_buf struct buf body;
    buf_init(&body, CEILING);
    must(buf_puts(&body, text));
    cleanup_json json_t *json = json_parse(&body, CEILING, problem, sizeof problem);
    must(json_is_object(json));
}

static void write_filter(const char *json, enum filter_level level, enum filter_search search)
{
    cleanup_free char *wire = NULL, *again = NULL;
    struct error error = {0};
    if (filter_write(json, level, search, &wire, &error) != 0) {
        must_be_refused_well(&error);
        return;
    }
    must_be_json(wire);
    if (strlen(wire) > FILTER_SIZE)
        return;
    must(filter_write(wire, level, search, &again, &error) == 0);
    must(strcmp(wire, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *query = fuzz_string(data, size);
    cleanup_free char *json = NULL;
    struct error error = {0};
    if (filter_read(query, &json, &error) != 0) {
        must_be_refused_well(&error);
        return 0;
    }
    for (int level = 0; level < FILTER_LEVELS; level++) {
        write_filter(json, level, FILTER_BASIC);
        write_filter(json, level, FILTER_ADVANCED);
    }
    return 0;
}
