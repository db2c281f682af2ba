/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include "check.h"
#include "json_memory.h"

enum { NOW = 1700000000 }; /* 2023-11-14 22:13:20 UTC */

static const char BASE[] = "https://api.wandb.ai";

static int parse(const char *json, struct identity_token *token)
{
    struct error error = {0};
    return identity_parse_answer(json, strlen(json), NOW, token, &error);
}

static void reads_answers(void)
{
    struct identity_token token = {0};
    CHECK(parse("{\"access_token\":\"abc.def\",\"expires_in\":3600}", &token) == 0);
    CHECK_TEXT(token.text, "abc.def");
    CHECK(token.expires_at == NOW + 3600);
    CHECK(token.renew_at == NOW + 3300);
    identity_token_release(&token);
    CHECK(parse("{\"access_token\":\"abc\",\"expires_in\":100}", &token) == 0);
    CHECK(token.renew_at > NOW && token.renew_at < NOW + 100);
    identity_token_release(&token);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"access_token\":\"abc\"}",
                                      "{\"expires_in\":10}",
                                      "{\"access_token\":\"abc\",\"expires_in\":0}",
                                      "{\"access_token\":\"\",\"expires_in\":10}",
                                      "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":10}",
                                      "{\"access_token\":7,\"expires_in\":10}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(parse(bad[i], &token) == -1);
        identity_token_release(&token);
    }
}

static bool find(const char *date, struct identity_token *token)
{
    char json[256];
    snprintf(json, sizeof json,
             "{\"credentials\":{\"%s\":{\"access_token\":\"t\",\"expires_at\":\"%s\"}}}", BASE,
             date);
    return identity_cache_find(json, strlen(json), BASE, NOW, token);
}

static void reads_the_cache(void)
{
    struct identity_token token = {0};
    CHECK(find("2023-11-14 22:18:21", &token));
    CHECK_TEXT(token.text, "t");
    CHECK(token.expires_at == NOW + 301);
    identity_token_release(&token);
    CHECK(!find("2023-11-14 22:18:20", &token));
    CHECK(!find("2023-11-14 22:00:00", &token));
    CHECK(!find("tomorrow", &token));
    CHECK(!identity_cache_find("x", 1, BASE, NOW, &token));
    CHECK(!identity_cache_find("{\"credentials\":[]}", 18, BASE, NOW, &token));
    CHECK(token.text == NULL);
}

static void check_updated(const char *before, const char *others)
{
    struct identity_token token = {.text = (char[]){"new"}, .expires_at = NOW};
    char *after = identity_cache_update(before, strlen(before), BASE, &token);
    json_t *json = json_loads(after ? after : "", 0, NULL);
    json_t *credentials = json_object_get(json, "credentials");
    json_t *entry = json_object_get(credentials, BASE);
    CHECK_TEXT(json_string_value(json_object_get(entry, "access_token")), "new");
    CHECK_TEXT(json_string_value(json_object_get(entry, "expires_at")), "2023-11-14 22:13:20");
    json_object_del(credentials, BASE);
    char *rest = json_to_text(json, JSON_COMPACT | JSON_SORT_KEYS);
    CHECK_TEXT(rest, others);
    free(rest);
    free(after);
    json_decref(json);
}

static void updates_the_cache(void)
{
    check_updated("", "{\"credentials\":{}}");
    check_updated("not json", "{\"credentials\":{}}");
    check_updated("[1]", "{\"credentials\":{}}");
    check_updated("{\"credentials\":7,\"x\":1}", "{\"credentials\":{},\"x\":1}");
    check_updated("{\"credentials\":{\"https://api.wandb.ai\":{\"access_token\":\"old\"},"
                  "\"https://b\":{\"access_token\":\"kept\"}}}",
                  "{\"credentials\":{\"https://b\":{\"access_token\":\"kept\"}}}");
}

int main(void)
{
    reads_answers();
    reads_the_cache();
    updates_the_cache();
    return check_result();
}
