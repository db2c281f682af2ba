/* SPDX-License-Identifier: MIT */
#include "registry_name.h"
#include "check.h"
#include "client.h"

static enum error_kind name(const char *text)
{
    struct error error = {0};
    registry_check_name(text_of(text), &error);
    return error.kind;
}

static enum error_kind type(const char *text)
{
    struct error error = {0};
    registry_check_artifact_type(text_of(text), &error);
    return error.kind;
}

static void names(void)
{
    char most[113 * 2 + 1] = "", too_long[115];
    for (int i = 0; i < 113; i++)
        memcpy(most + 2 * i, "\xc3\xa4", 3);
    memset(too_long, 'x', 114);
    too_long[114] = '\0';
    CHECK(name("model") == ERROR_NONE);
    CHECK(name("two words, and more..") == ERROR_NONE);
    CHECK(name("..") == ERROR_NONE);
    CHECK(name(most) == ERROR_NONE);
    CHECK(name(too_long) == ERROR_NAME_TOO_LONG);
    CHECK(name("") == ERROR_INVALID);
    CHECK(name(NULL) == ERROR_INVALID);
    CHECK(name("\xff") == ERROR_INVALID);
    for (const char *byte = "/\\#?%:\r\n"; *byte; byte++) {
        char text[] = {'a', *byte, 'b', '\0'};
        CHECK(name(text) == ERROR_INVALID);
    }
    struct error error = {0};
    CHECK(registry_check_name((struct text){"a\0b", 3}, &error) == -1);
    CHECK(error.kind == ERROR_INVALID);
}

static void types(void)
{
    char too_long[130];
    memset(too_long, 'x', 129);
    too_long[129] = '\0';
    CHECK(type("model") == ERROR_NONE);
    CHECK(type("-my_model 2.0") == ERROR_NONE);
    CHECK(type("a  b.c.") == ERROR_NONE);
    CHECK(type("größe") == ERROR_NONE);
    CHECK(type(too_long + 1) == ERROR_NONE);
    CHECK(type(too_long) == ERROR_INVALID);
    CHECK(type("") == ERROR_INVALID);
    CHECK(type(".model") == ERROR_INVALID);
    CHECK(type(" model") == ERROR_INVALID);
    CHECK(type("model ") == ERROR_INVALID);
    CHECK(type("a/b") == ERROR_INVALID);
    CHECK(type("a:b") == ERROR_INVALID);
    CHECK(type("a\tb") == ERROR_INVALID);
    CHECK(type("\xc3") == ERROR_INVALID);
}

static void prefix(void)
{
    CHECK(text_is(registry_name_of(text_of("wandb-registry-model")), "model"));
    CHECK(registry_name_of(text_of("wandb-registry-")).size == 0);
    CHECK(registry_name_of(text_of("wandb-registry")).size == 0);
    CHECK(registry_name_of(text_of("model")).size == 0);
    CHECK(registry_name_of(text_of(NULL)).size == 0);
}

static void filters(void)
{
    cleanup_free char *plain = filter_by_name(text_of("a\"b"));
    cleanup_free char *odd = filter_by_name((struct text){"\xff\0", 2});
    CHECK_TEXT(plain, "{\"name\":\"a\\\"b\"}");
    CHECK_TEXT(odd, "{\"name\":\"\xff\\u0000\"}");
}

int main(void)
{
    names();
    types();
    prefix();
    filters();
    return check_result();
}
