/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "check.h"

static void check_parsed(const char *text, int line, const char *base_url, const char *organization)
{
    struct settings settings = {0};
    CHECK(settings_parse(&settings, text, strlen(text)) == line);
    CHECK_TEXT(settings.base_url, base_url);
    CHECK_TEXT(settings.organization, organization);
    settings_release(&settings);
}

static void reads_ini(void)
{
    check_parsed("", 0, NULL, NULL);
    check_parsed("[default]\nbase_url = https://x\norganization=acme corp\n", 0, "https://x",
                 "acme corp");
    check_parsed("; c\n# c\n\n[default]\r\nBASE_URL: https://x:1/y\r\n", 0, "https://x:1/y", NULL);
    check_parsed("[other]\nbase_url = https://no\n[default]\nentity = e\n", 0, NULL, NULL);
    check_parsed("[default]\nmode =\nbase_url = https://x", 0, "https://x", NULL);
    check_parsed("[default]\nnotes = one\n  two = three\nbase_url = https://x\n", 0, "https://x",
                 NULL);
    check_parsed("[default]\nbase_url = a\nbase_url =\n", 0, NULL, NULL);
}

static void tells_the_broken_line(void)
{
    check_parsed("base_url = x\n", 1, NULL, NULL);
    check_parsed("[default]\nnonsense\n", 2, NULL, NULL);
    check_parsed("[default]\n= x\n", 2, NULL, NULL);
    check_parsed("[default\n", 1, NULL, NULL);
    check_parsed("[default]\nbase_url = https://x\n  more\n", 3, "https://x", NULL);
    struct settings settings = {0};
    static const char zero[] = "[default]\nbase_url = a\0b\n";
    CHECK(settings_parse(&settings, zero, sizeof zero - 1) == 2);
    settings_release(&settings);
}

static void later_files_win(void)
{
    struct settings settings = {0};
    static const char global[] = "[default]\nbase_url = https://a\nentity = e\n";
    static const char workspace[] = "[default]\nbase_url = https://b\n";
    CHECK(settings_parse(&settings, global, sizeof global - 1) == 0);
    CHECK(settings_parse(&settings, workspace, sizeof workspace - 1) == 0);
    CHECK_TEXT(settings.base_url, "https://b");
    CHECK_TEXT(settings.entity, "e");
    settings_release(&settings);
}

static void reads_headers(void)
{
    struct settings settings = {0};
    struct error error = {0};
    CHECK(settings_parse_headers(
              &settings, "HEADERS",
              "{\"X-A\": \"1\", \"proxy-authorization\": \"Basic x\", \"X-B\": \"\"}",
              &error) == 0);
    CHECK_TEXT(settings.extra_headers->data, "X-A: 1");
    CHECK_TEXT(settings.extra_headers->next->data, "X-B;");
    CHECK(settings.extra_headers->next->next == NULL);
    CHECK_TEXT(settings.proxy_headers->data, "proxy-authorization: Basic x");
    settings_release(&settings);
}

static void refuses_headers(void)
{
    static const char *const broken[] = {"",
                                         "[]",
                                         "{\"A\": 1}",
                                         "{\"A\": \"x\\r\\nB: y\"}",
                                         "{\"A:\": \"x\"}",
                                         "{\"\": \"x\"}",
                                         "{\"A\": null}",
                                         "{\"AUTHORIZATION\": \"x\"}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct settings settings = {0};
        struct error error = {0};
        CHECK(settings_parse_headers(&settings, "HEADERS", broken[i], &error) == -1);
        CHECK(error.kind == ERROR_LOCAL);
        CHECK(settings.extra_headers == NULL);
        settings_release(&settings);
    }
}

int main(void)
{
    reads_ini();
    tells_the_broken_line();
    later_files_win();
    reads_headers();
    refuses_headers();
    return check_result();
}
