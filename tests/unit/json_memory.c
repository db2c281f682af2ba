/* SPDX-License-Identifier: MIT */
/* Parsing, with each of its allocations failing in turn. Linked with --wrap=malloc. */
#include "json_memory.h"

#include "check.h"
#include "json_text.h"

#include <malloc.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* The allocation that fails, and as many after it as `failures` says; 0: none. */
static unsigned long fails_at, failures, allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    if (fails_at && allocations >= fails_at && allocations < fails_at + failures)
        return NULL;
    return __real_malloc(size);
}

static const char TEXT[] =
    "{\"a long key that grows the text of its token\": [1234567890123456789, -1.25e10, true],"
    " \"escapes\": \"\\u00e4\\u00f6 \\n\\t \\\"quoted\\\" and more that is longer than sixteen\","
    " \"deep\": {\"objects\": [{\"name\": \"a text of more than thirty-two bytes, and again\"}, "
    "{}]},"
    " \"k1\": 1, \"k2\": 2, \"k3\": 3, \"k4\": 4, \"k5\": 5, \"k6\": 6, \"k7\": 7, \"k8\": 8, "
    "\"k9\": 9}";

static json_t *parsed(json_error_t *error)
{
    allocations = 0;
    return json_load(TEXT, sizeof TEXT - 1, JSON_ALLOW_NUL | JSON_DECODE_ANY, error);
}

static void a_failure_is_no_value(unsigned long at, unsigned long count, const json_t *whole)
{
    json_error_t error;
    fails_at = at;
    failures = count;
    cleanup_json json_t *json = parsed(&error);
    fails_at = 0;
    /* Without a failure that anybody noticed, nothing may be missing. */
    CHECK(json ? json_equal(json, whole) : strcmp(error.text, "out of memory") == 0);
    CHECK(!json || allocations < at);
}

static void each_failure_is_reported(void)
{
    cleanup_json json_t *whole = parsed(NULL);
    unsigned long needed = allocations;
    CHECK(whole && needed > 50);
    for (unsigned long at = 1; at <= needed + 1; at++) {
        a_failure_is_no_value(at, 1, whole);
        a_failure_is_no_value(at, 1000, whole);
    }
}

static void a_failure_leaves_nothing(void)
{
    cleanup_json json_t *whole = parsed(NULL);
    unsigned long late = allocations - 5;
    /* The first ones fill what the allocator keeps for its next use. */
    for (int round = 0; round < 100; round++)
        a_failure_is_no_value(late, 1, whole);
    size_t before = mallinfo2().uordblks;
    for (int round = 0; round < 100; round++)
        a_failure_is_no_value(late, 1, whole);
    CHECK(mallinfo2().uordblks < before + sizeof TEXT);
}

static void texts_are_written(void)
{
    cleanup_json json_t *json = parsed(NULL);
    cleanup_free char *text = json_to_text(json, JSON_COMPACT);
    cleanup_json json_t *again = json_load(text ? text : "", text ? strlen(text) : 0, 0, NULL);
    CHECK(json_equal(json, again));
    CHECK(!json_to_text(NULL, 0));
    CHECK(!json_load("", 0, 0, NULL));
}

int main(void)
{
    each_failure_is_reported();
    a_failure_leaves_nothing();
    texts_are_written();
    return check_result();
}
