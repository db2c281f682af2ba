/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "base/cleanup.h"
#include "check.h"

#include <jansson.h>

#define PREFIX "wandb-registry-"

/* What becomes of a query on its way to the wire; NULL: refused, the reason is in `reason`. */
static char wire_text[1 << 16];
static struct error reason;

static const char *wire(const char *query, enum filter_level level, enum filter_search search)
{
    cleanup_free char *json = NULL, *written = NULL;
    error_clear(&reason);
    if (filter_read(query, &json, &reason) != 0 ||
        filter_write(json, level, search, &written, &reason) != 0)
        return NULL;
    snprintf(wire_text, sizeof wire_text, "%s", written);
    return wire_text;
}

static const char *registries(const char *query)
{
    return wire(query, FILTER_REGISTRIES, FILTER_BASIC);
}

static const char *collections(const char *query)
{
    return wire(query, FILTER_COLLECTIONS, FILTER_BASIC);
}

static const char *versions(const char *query)
{
    return wire(query, FILTER_VERSIONS, FILTER_BASIC);
}

static const char *advanced(const char *query)
{
    return wire(query, FILTER_VERSIONS, FILTER_ADVANCED);
}

/* Refused as the user's mistake, with these words in the reason. */
#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        CHECK_TEXT(call, NULL);                                                                    \
        CHECK(reason.kind == ERROR_INVALID && strstr(reason.message, words));                      \
    } while (0)

static void pairs_are_joined_by_and(void)
{
    CHECK_TEXT(collections("tag=prod"), "{\"tag\":\"prod\"}");
    CHECK_TEXT(collections("name=churn,tag=prod"), "{\"name\":\"churn\",\"tag\":\"prod\"}");
    CHECK_TEXT(collections("tag=prod, tag=eu"), "{\"$and\":[{\"tag\":\"prod\"},{\"tag\":\"eu\"}]}");
    CHECK_TEXT(collections("tag=prod,name=a,tag=eu"),
               "{\"$and\":[{\"tag\":\"prod\"},{\"name\":\"a\"},{\"tag\":\"eu\"}]}");
    CHECK_TEXT(collections("tag=with space"), "{\"tag\":\"with space\"}");
    CHECK_TEXT(collections(" tag =x"), "{\"tag\":\"x\"}");
    CHECK_TEXT(collections("description="), "{\"description\":\"\"}");
}

static void escapes_of_names_are_undone(void)
{
    CHECK_TEXT(collections("description=a%2Fb"), "{\"description\":\"a/b\"}");
    CHECK_TEXT(collections("description=a%2fb"), "{\"description\":\"a/b\"}");
    CHECK_TEXT(collections("name=a%2Cb%3Dc=d"), "{\"name\":\"a,b=c=d\"}");
    CHECK_TEXT(collections("name=100%"), "{\"name\":\"100%\"}");
    CHECK_TEXT(collections("name=100%2541"), "{\"name\":\"100%41\"}");
    CHECK_TEXT(collections("name=%0A\"\\"), "{\"name\":\"\\u000a\\\"\\\\\"}");
    CHECK_TEXT(collections("name=gr\xc3\xb6\xc3\x9f\x65"), "{\"name\":\"gr\xc3\xb6\xc3\x9f\x65\"}");
    CHECK_TEXT(collections("{\"description\":\"s3:%2F%2Fa\"}"), "{\"description\":\"s3://a\"}");
    REFUSED(collections("name=a%00b"), "%00");
    REFUSED(collections("{\"name\":\"%00\"}"), "%00");
    REFUSED(collections("name=\xff"), "UTF-8");
}

static void values_have_the_type_of_their_field(void)
{
    CHECK_TEXT(versions("metadata.epochs=5"), "{\"metadata.epochs\":5}");
    CHECK_TEXT(versions("metadata.lr=1e-3,metadata.ok=true,metadata.note=null"),
               "{\"metadata.lr\":1e-3,\"metadata.ok\":true,\"metadata.note\":null}");
    CHECK_TEXT(versions("metadata.epochs=\"5\""), "{\"metadata.epochs\":\"5\"}");
    CHECK_TEXT(versions("metadata.framework=torch"), "{\"metadata.framework\":\"torch\"}");
    CHECK_TEXT(versions("metadata.x=[1]"), "{\"metadata.x\":\"[1]\"}");
    CHECK_TEXT(versions("version=3,id=77"), "{\"version\":3,\"id\":77}");
    CHECK_TEXT(versions("version=v3"), "{\"version\":\"v3\"}");
    CHECK_TEXT(versions("version=03"), "{\"version\":\"03\"}");
    CHECK_TEXT(versions("tag=5,alias=true"), "{\"tag\":\"5\",\"alias\":\"true\"}");
    CHECK_TEXT(versions("created_at=2025-05-09 10:00:00"),
               "{\"created_at\":\"2025-05-09 10:00:00\"}");
}

static void json_passes_unharmed(void)
{
    static const char *const same[] = {
        "{}",
        "{\"version\":{\"$gte\":123456789012345678901234567890}}",
        "{\"metadata.lr\":{\"$lt\":1.0E-05,\"$gt\":-0.0}}",
        "{\"tag\":\"\\u00fc \\/ \\ud83e\\udde0\"}",
        "{\"$or\":[{\"tag\":\"b\"},{\"$and\":[{\"tag\":\"a\"},{\"tag\":{\"$in\":[\"z\"]}}]}]}",
        "{\"$not\":{\"tag\":\"x\"},\"$nor\":[]}",
        "{\"alias\":{\"$not\":{\"$regex\":\"^a b\"}}}",
        "{\"metadata.flags\":{\"$size\":0,\"$all\":[\"quantized\"],\"$exists\":false}}",
        "{\"metadata.run\":{\"$eq\":{\"b\":[1,{\"a\":null}],\"a\":2}}}",
        "{\"tag\":null}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        CHECK_TEXT(versions(same[i]), same[i]);
    CHECK_TEXT(versions(" { \"tag\" :\t[] } "), NULL);
    CHECK_TEXT(
        versions(
            " {\"tag\" : {\"$in\": [ \"a b\" , 1 ]} , \"metadata.x\": {\"$eq\": { \"k\" : 1 }} } "),
        "{\"tag\":{\"$in\":[\"a b\",1]},\"metadata.x\":{\"$eq\":{\"k\":1}}}");
}

static void names_of_registries_get_their_prefix(void)
{
    CHECK_TEXT(registries("name=model"), "{\"name\":\"" PREFIX "model\"}");
    CHECK_TEXT(registries("name=" PREFIX "model"), "{\"name\":\"" PREFIX "model\"}");
    CHECK_TEXT(registries("{\"name\":{\"$regex\":\"^model\"}}"),
               "{\"name\":{\"$regex\":\"^model\"}}");
    CHECK_TEXT(registries("{\"name\":{\"$in\":[\"a\",\"" PREFIX "b\",7]}}"),
               "{\"name\":{\"$in\":[\"" PREFIX "a\",\"" PREFIX "b\",7]}}");
    CHECK_TEXT(registries("{\"name\":{\"$ne\":\"a\",\"$contains\":\"b\",\"$exists\":true}}"),
               "{\"name\":{\"$ne\":\"" PREFIX "a\",\"$contains\":\"" PREFIX
               "b\",\"$exists\":true}}");
    CHECK_TEXT(registries("{\"name\":{\"$not\":{\"$eq\":\"a\"}}}"),
               "{\"name\":{\"$not\":{\"$eq\":\"" PREFIX "a\"}}}");
    CHECK_TEXT(registries("{\"$or\":[{\"name\":\"a\"},{\"$not\":{\"name\":\"\\u0062\"}}]}"),
               "{\"$or\":[{\"name\":\"" PREFIX "a\"},{\"$not\":{\"name\":\"" PREFIX
               "\\u0062\"}}]}");
    CHECK_TEXT(registries("{\"name\":\"wandb\\u002dregistry-a\"}"),
               "{\"name\":\"wandb\\u002dregistry-a\"}");
    CHECK_TEXT(registries("{\"description\":\"name\"}"), "{\"description\":\"name\"}");
    CHECK_TEXT(wire("name=a,id=5", FILTER_REGISTRIES, FILTER_ADVANCED),
               "{\"name\":\"" PREFIX "a\",\"project_id\":5}");
    CHECK_TEXT(collections("name=a"), "{\"name\":\"a\"}");
}

static void aliases_are_rewritten(void)
{
    CHECK_TEXT(collections("id=5"), "{\"artifact_collection_id\":5}");
    CHECK_TEXT(collections("{\"collection_id\":{\"$in\":[1]}}"),
               "{\"artifact_collection_id\":{\"$in\":[1]}}");
    CHECK_TEXT(wire("collection_name=a,tags=b", FILTER_COLLECTIONS, FILTER_ADVANCED),
               "{\"name\":\"a\",\"tag\":\"b\"}");
    CHECK_TEXT(advanced("id=1,version_index=2,tags=a,aliases=b,created_at=2025-01-01"),
               "{\"artifact_id\":1,\"version\":2,\"tag\":\"a\",\"alias\":\"b\","
               "\"artifact_created_at\":\"2025-01-01\"}");
    CHECK_TEXT(advanced("artifact_metadata.a.b=1,artifact_size=9"),
               "{\"metadata.a.b\":1,\"artifact_size\":9}");
    CHECK_TEXT(advanced("{\"\\u0074ags\":\"a\"}"), "{\"tag\":\"a\"}");
    CHECK_TEXT(versions("id=1,created_at=2025-01-01"), "{\"id\":1,\"created_at\":\"2025-01-01\"}");
}

static void unknown_fields_and_operators_are_refused(void)
{
    REFUSED(versions("colour=red"), "id, version, tag, alias, metadata, created_at, updated_at");
    REFUSED(versions("tags=gpu"), "unknown field \"tags\"");
    REFUSED(advanced("updated_at=2025-01-01"), "advanced search");
    REFUSED(wire("description=a", FILTER_REGISTRIES, FILTER_ADVANCED), "project_id");
    REFUSED(versions("tag.x=1"), "no fields of its own");
    REFUSED(registries("tag=x"), "registries are filtered by id, name");
    REFUSED(versions("{\"tag\":{\"$near\":1}}"), "$contains");
    REFUSED(versions("{\"$xor\":[]}"), "unknown operator");
    REFUSED(versions("{\"$in\":[1]}"), "needs a field");
    REFUSED(versions("{\"tag\":{\"$or\":[]}}"), "joins whole conditions");
    REFUSED(versions("{\"metadata\":{\"a\":1}}"), "metadata.FIELD");
}

static void operands_have_types(void)
{
    REFUSED(versions("{\"tag\":{\"$in\":\"a\"}}"), "needs a list");
    REFUSED(versions("{\"tag\":{\"$in\":[{\"a\":1}]}}"), "a list for tag");
    REFUSED(versions("{\"tag\":{\"$regex\":1}}"), "needs a text");
    REFUSED(versions("{\"tag\":{\"$contains\":null}}"), "needs a text");
    REFUSED(versions("{\"tag\":{\"$exists\":1}}"), "true or false");
    REFUSED(versions("{\"tag\":{\"$size\":-1}}"), "whole number");
    REFUSED(versions("{\"tag\":{\"$size\":1.5}}"), "whole number");
    REFUSED(versions("{\"tag\":{\"$gt\":null}}"), "number or a text");
    REFUSED(versions("{\"tag\":{\"$eq\":{\"a\":1}}}"), "needs a value");
    REFUSED(versions("{\"tag\":{\"$not\":\"a\"}}"), "an object");
    REFUSED(versions("{\"tag\":[\"a\"]}"), "use $in");
    REFUSED(versions("{\"$and\":{\"tag\":\"a\"}}"), "list of objects");
    REFUSED(versions("{\"$and\":[1]}"), "list of objects");
    REFUSED(versions("{\"$not\":[]}"), "an object");
}

static void a_field_stands_once_in_an_object(void)
{
    REFUSED(versions("{\"tag\":\"a\",\"tag\":\"b\"}"), "stands twice");
    REFUSED(advanced("tag=a,tags=b"), "stands twice");
    REFUSED(collections("{\"id\":1,\"collection_id\":2}"), "stands twice");
    REFUSED(versions("{\"tag\":{\"$gt\":\"a\",\"$gt\":\"b\"}}"), "stands twice");
    CHECK_TEXT(versions("metadata.a=1,metadata.b=2"), "{\"metadata.a\":1,\"metadata.b\":2}");
    CHECK_TEXT(versions("{\"$or\":[{\"tag\":\"a\"},{\"tag\":\"b\"}]}"),
               "{\"$or\":[{\"tag\":\"a\"},{\"tag\":\"b\"}]}");
}

static void malformed_queries_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "tag",
        ",",
        "tag=a,",
        ",tag=a",
        "=a",
        "[1]",
        "{",
        "{\"tag\"",
        "{\"tag\":",
        "{\"tag\":}",
        "{\"tag\":\"a}",
        "{tag:\"a\"}",
        "{\"tag\":\"a\"}}",
        "{\"tag\":\"a\",}",
        "{\"tag\":'a'}",
        "{\"tag\":01}",
        "{\"tag\":1.}",
        "{\"tag\":+1}",
        "{\"tag\":nul}",
        "{\"tag\":\"\\x\"}",
        "{\"tag\":\"\\u12\"}",
        "{\"tag\":\"\t\"}",
        "{\"tag\":{\"$in\":[1,]}}",
        "{\"tag\":{\"$in\":[1 2]}}",
        "{\"\":1}",
        "{\"a\\u0000\":1}",
        "{\"tag\":NaN}",
        "{\"tag\":1e}",
        "{\"tag\":-}",
        "{\"tag\":\"\xc3\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_TEXT(versions(bad[i]), NULL);
        CHECK(reason.kind == ERROR_INVALID && reason.message[0]);
    }
}

static void depth_and_size_are_bounded(void)
{
    cleanup_free char *text = calloc(1, FILTER_SIZE + 64);
    size_t used = 0;
    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(text + used, 10, "{\"$not\":");
    REFUSED(versions(text), "deep");
    snprintf(text, 32, "{\"metadata.x\":{\"$eq\":");
    memset(text + strlen(text), '[', 1000);
    REFUSED(versions(text), "deep");
    memset(text, ' ', FILTER_SIZE + 1);
    snprintf(text, 6, "tag=x");
    text[5] = 'x';
    REFUSED(versions(text), "at most");
}

/* --- whatever comes in: an answer, and what is written is JSON that is taken again --- */

static unsigned random_state = 20250509;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

static void make_query(char *query, size_t size)
{
    static const char *const parts[] = {
        "{",        "}",       "[",        "]",          ":",      ",",       "\"",
        "\\",       "\\u00",   "1",        "-",          ".",      "e",       "true",
        "null",     "=",       "%2F",      "%",          " ",      "\"tag\"", "\"name\"",
        "\"$or\"",  "\"$in\"", "\"$not\"", "\"$regex\"", "\"id\"", "tag",     "metadata.a",
        "\xc3\xb6", "\xff",    "\x01",     "{\"tag\":",  "\"a\"}", "[{",      "}]",
    };
    size_t used = 0;
    query[0] = '\0';
    for (unsigned left = random_below(24); left > 0 && used + 16 < size; left--)
        used += (size_t)snprintf(query + used, size - used, "%s",
                                 parts[random_below(sizeof parts / sizeof *parts)]);
}

/* Changes a byte of a good filter here and there. */
static void spoil(char *query, size_t size)
{
    snprintf(
        query, size,
        "{\"$or\":[{\"name\":{\"$in\":[\"a\",\"\\u00e9\"]}},{\"$not\":{\"id\":{\"$gte\":1e5}}}]}");
    size_t length = strlen(query);
    for (unsigned changes = random_below(3); changes > 0; changes--)
        query[random_below((unsigned)length)] = (char)(1 + random_below(255));
}

static void try_query(const char *query)
{
    for (int level = 0; level < FILTER_LEVELS; level++) {
        char first[sizeof wire_text];
        const char *written = wire(query, (enum filter_level)level, level % 2);
        CHECK(written || (reason.kind == ERROR_INVALID && reason.message[0]));
        if (!written)
            continue;
        snprintf(first, sizeof first, "%s", written);
        json_t *json = json_loads(first, JSON_REJECT_DUPLICATES, NULL);
        CHECK(json != NULL || strstr(first, "\\u") || strchr(first, '.') || strchr(first, 'e'));
        json_decref(json);
        cleanup_free char *again = NULL;
        CHECK(filter_write(first, (enum filter_level)level, level % 2, &again, &reason) == 0);
        CHECK_TEXT(again, first);
    }
}

static void anything_gets_an_answer(void)
{
    char query[1024];
    for (int i = 0; i < 20000; i++) {
        make_query(query, sizeof query);
        try_query(query);
        spoil(query, sizeof query);
        try_query(query);
    }
}

int main(void)
{
    pairs_are_joined_by_and();
    escapes_of_names_are_undone();
    values_have_the_type_of_their_field();
    json_passes_unharmed();
    names_of_registries_get_their_prefix();
    aliases_are_rewritten();
    unknown_fields_and_operators_are_refused();
    operands_have_types();
    a_field_stands_once_in_an_object();
    malformed_queries_are_refused();
    depth_and_size_are_bounded();
    anything_gets_an_answer();
    return check_result();
}
