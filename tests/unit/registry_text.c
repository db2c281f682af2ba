/* SPDX-License-Identifier: MIT */
#include "text/registry_text.h"

#include "check.h"

static const struct text types[] = {{"dataset", 7}, {"evaluation\nset", 14}};

static struct registry registry(void)
{
    return (struct registry){
        .name = text_of("model"),
        .description = text_of("old"),
        .artifact_types = {types, 2},
    };
}

static enum error_kind parse(const struct editing *editing, const char *text, bool *nothing)
{
    struct registry now = registry();
    struct error error = {0};
    cleanup_wanted struct wanted wanted = {0};
    int result = editing->parse(text_of(text), &now, &wanted, &error);
    CHECK((result == 0) == (error.kind == ERROR_NONE));
    if (nothing)
        *nothing = wanted.nothing;
    return error.kind;
}

static void choices(void)
{
    bool nothing;
    CHECK(parse(&editing_visibility, " restricted \r\n", &nothing) == ERROR_NONE && !nothing);
    CHECK(parse(&editing_visibility, "organization", &nothing) == ERROR_NONE && nothing);
    CHECK(parse(&editing_visibility, "public\n", NULL) == ERROR_INVALID);
    CHECK(parse(&editing_visibility, "", NULL) == ERROR_INVALID);
    CHECK(parse(&editing_visibility, "restricted\norganization\n", NULL) == ERROR_INVALID);
    CHECK(parse(&editing_allow_all, "true\n", &nothing) == ERROR_NONE && !nothing);
    CHECK(parse(&editing_allow_all, "1\n", NULL) == ERROR_INVALID);
    CHECK(editing_visibility.is_beginning(text_of("  ")));
    CHECK(editing_visibility.is_beginning(text_of(" restr")));
    CHECK(editing_visibility.is_beginning(text_of("restricted \n")));
    CHECK(!editing_visibility.is_beginning(text_of("restr ")));
    CHECK(!editing_visibility.is_beginning(text_of("restrictedx")));
    CHECK(!editing_visibility.is_beginning(text_of("restricted\nx")));
    CHECK(!editing_allow_all.is_beginning(text_of("y")));
}

static void names(void)
{
    bool nothing;
    CHECK(parse(&editing_name, "model\n", &nothing) == ERROR_NONE && nothing);
    CHECK(parse(&editing_name, " a name \n", &nothing) == ERROR_NONE && !nothing);
    CHECK(parse(&editing_name, "\n", NULL) == ERROR_INVALID);
    CHECK(parse(&editing_name, "a/b\n", NULL) == ERROR_INVALID);
    CHECK(parse(&editing_name, "two\nlines\n", NULL) == ERROR_INVALID);
    CHECK(editing_name.is_beginning(text_of("caf\xc3")));
    CHECK(!editing_name.is_beginning(text_of("a:")));
}

static void descriptions(void)
{
    bool nothing;
    struct registry now = registry();
    struct error error = {0};
    cleanup_wanted struct wanted wanted = {0};
    CHECK(parse(&editing_description, "old\n", &nothing) == ERROR_NONE && nothing);
    CHECK(parse(&editing_description, "old", &nothing) == ERROR_NONE && nothing);
    CHECK(parse(&editing_description, "old\n\n", &nothing) == ERROR_NONE && !nothing);
    CHECK(parse(&editing_description, "\xff", NULL) == ERROR_INVALID);
    CHECK(parse(&editing_description, "cut \xe2\x82", NULL) == ERROR_INVALID);
    CHECK(editing_description.parse((struct text){"a\0b", 3}, &now, &wanted, &error) == -1);
    char *big = malloc(DESCRIPTION_CEILING + 3);
    memset(big, 'x', DESCRIPTION_CEILING + 2);
    big[DESCRIPTION_CEILING + 2] = '\0';
    CHECK(parse(&editing_description, big, NULL) == ERROR_TOO_LARGE);
    big[DESCRIPTION_CEILING] = '\n';
    big[DESCRIPTION_CEILING + 1] = '\0';
    CHECK(parse(&editing_description, big, NULL) == ERROR_NONE);
    free(big);
}

static void artifact_types(void)
{
    bool nothing;
    struct registry now = registry();
    struct error error = {0};
    struct wanted wanted = {0};
    CHECK(parse(&editing_artifact_types, "evaluation set\n\ndataset\ndataset\n", &nothing) ==
              ERROR_NONE &&
          nothing);
    CHECK(parse(&editing_artifact_types, "dataset\n", NULL) == ERROR_NOT_PERMITTED);
    CHECK(parse(&editing_artifact_types, "", NULL) == ERROR_NOT_PERMITTED);
    CHECK(parse(&editing_artifact_types, "dataset\nevaluation set\na/b\n", NULL) == ERROR_INVALID);
    struct text text = text_of("new\ndataset\nevaluation set\nnew\nother");
    CHECK(editing_artifact_types.parse(text, &now, &wanted, &error) == 0);
    CHECK(wanted.change.new_artifact_types->count == 2);
    CHECK_TEXT(wanted.new_types.items[0].bytes, "new");
    CHECK_TEXT(wanted.new_types.items[1].bytes, "other");
    wanted_release(&wanted);
    now.allow_all_artifact_types = true;
    CHECK(editing_artifact_types.parse(text, &now, &wanted, &error) == -1);
    CHECK(error.kind == ERROR_INVALID);
    wanted_release(&wanted);
}

int main(void)
{
    choices();
    names();
    descriptions();
    artifact_types();
    return check_result();
}
