/* SPDX-License-Identifier: MIT */
#include "base_url.h"

#include "check.h"

static void check_good(const char *text, const char *expected, const char *netrc)
{
    struct base_url base;
    struct error error = {0};
    CHECK(base_url_parse(&base, text, &error) == 0);
    CHECK_TEXT(base.text, expected);
    CHECK_TEXT(base.netrc, netrc);
    base_url_release(&base);
}

static void check_bad(const char *text)
{
    struct base_url base;
    struct error error = {0};
    CHECK(base_url_parse(&base, text, &error) == -1);
    CHECK(error.kind == ERROR_INVALID);
    CHECK(!strstr(error.message, "secret"));
}

static void parses(void)
{
    check_good("https://api.wandb.ai", "https://api.wandb.ai", NULL);
    check_good("https://api.wandb.ai//", "https://api.wandb.ai", NULL);
    check_good("http://localhost:8080/w/", "http://localhost:8080/w", "localhost:8080");
    check_good("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080");
    check_good("https://notwandb.ai", "https://notwandb.ai", NULL);
    check_good("https://wandb.example.com", "https://wandb.example.com", NULL);
    check_good("https://api.wandb.ai.", "https://api.wandb.ai.", NULL);
    check_good("http://localhost./w", "http://localhost./w", NULL);
    check_good("HTTP://h/a..b/..c/x.", "HTTP://h/a..b/..c/x.", NULL);
    check_good("http://wandb_server/%7euser", "http://wandb_server/%7euser", NULL);
}

static void refuses(void)
{
    static const char *const bad[] = {"",
                                      "api.wandb.ai",
                                      "ftp://x",
                                      "file:///etc/passwd",
                                      "https://user:secret@x",
                                      "https://user@x",
                                      "https://x?q=1",
                                      "https://x#f",
                                      "https://x\r\nHost: y",
                                      "https://",
                                      "http://api.wandb.ai",
                                      "https://wandb.ai",
                                      "https://app.wandb.ai",
                                      "https://x:99999",
                                      "https://x/wandb/%2e%2E/y",
                                      "http://api.wandb.ai.",
                                      "http://wandb.ai.",
                                      "http://wandb.ai",
                                      "http://eu.api.wandb.ai.",
                                      "http://API.WANDB.AI:8080",
                                      "http://api.wandb%2Eai",
                                      "http://api%2ewandb.ai/x",
                                      "http://api.wandb\xef\xbc\x8e"
                                      "ai",
                                      "http://api.wandb\xe3\x80\x82"
                                      "ai",
                                      "https://wandb.ai.",
                                      "http://x/a/..",
                                      "http://x/a/../b",
                                      "http://x/./b",
                                      "http://x/a/%2e%2E",
                                      "http://x/a/.%2e/b",
                                      "http://x/a/%252e%252e/b",
                                      "http://x/a/..;p=1/b",
                                      "http://x/a/..%3b/b",
                                      "http://x/a%2f../b",
                                      "http://x/a\\..\\b",
                                      "http://x/a%5c..",
                                      "http:/x",
                                      "http:///x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_bad(bad[i]);
}

static void says_what_is_missing(void)
{
    static const char *const bad[] = {"localhost:8080", "api.wandb.ai", "//x/y", "user:secret@x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base_url base;
        struct error error = {0};
        CHECK(base_url_parse(&base, bad[i], &error) == -1);
        CHECK(strstr(error.message, "add http:// or https://"));
        CHECK(!strstr(error.message, "secret"));
    }
}

static void places_without_prefix(void)
{
    struct base_url base;
    struct error error = {0};
    CHECK(base_url_parse(&base, "https://api.wandb.ai", &error) == 0);
    CHECK(base_url_place(&base, "https://api.wandb.ai/graphql") == URL_BELOW);
    CHECK(base_url_place(&base, "https://API.wandb.ai:443/x?y") == URL_BELOW);
    CHECK(base_url_place(&base, "http://api.wandb.ai/x") == URL_ELSEWHERE);
    CHECK(base_url_place(&base, "https://api.wandb.ai:444/x") == URL_ELSEWHERE);
    CHECK(base_url_place(&base, "https://api.wandb.ai.evil/x") == URL_ELSEWHERE);
    CHECK(base_url_place(&base, "https://evil/https://api.wandb.ai/x") == URL_ELSEWHERE);
    CHECK(base_url_place(&base, "https://api.wandb.ai@evil/x") == URL_UNUSABLE);
    CHECK(base_url_place(&base, "file:///etc/passwd") == URL_UNUSABLE);
    CHECK(base_url_place(&base, "gopher://x/") == URL_UNUSABLE);
    CHECK(base_url_place(&base, "") == URL_UNUSABLE);
    base_url_release(&base);
}

static void places_with_prefix(void)
{
    struct base_url base;
    struct error error = {0};
    CHECK(base_url_parse(&base, "http://h:80/wandb/", &error) == 0);
    CHECK(base_url_place(&base, "http://h/wandb/graphql") == URL_BELOW);
    CHECK(base_url_place(&base, "http://h/wandb") == URL_BELOW);
    CHECK(base_url_place(&base, "http://h/wandb/a..b/..c") == URL_BELOW);
    CHECK(base_url_place(&base, "http://h/wandbox/x") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/other") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/../other") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/%2e%2E/other") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/.%2e%2fother") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/x/..") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/..;/graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/..;x=1/graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/%2e.%3B/graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/%252e%252e/graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/x%2f..%2f..%2fgraphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/x\\..\\..\\graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/..%00/graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/..%20/graphql") == URL_SAME_HOST);
    CHECK(base_url_place(&base, "http://h/wandb/x?to=/../y") == URL_BELOW);
    CHECK(base_url_place(&base, "http://h/wandb/a;b/c%20d/%41/...%0a%00x") == URL_BELOW);
    CHECK(base_url_place(&base, "http://h./wandb/graphql") == URL_ELSEWHERE);
    base_url_release(&base);
}

static void names_the_origin_alone(void)
{
    char origin[32];
    url_origin("https://h:1/path?signature=secret", origin, sizeof origin);
    CHECK_TEXT(origin, "https://h:1");
    url_origin("https://h?signature=secret", origin, sizeof origin);
    CHECK_TEXT(origin, "https://h");
    url_origin("https://a-very-long-host-name.example.com/", origin, sizeof origin);
    CHECK_TEXT(origin, "https://a-very-long-host-name.e");
    url_origin("nonsense", origin, sizeof origin);
    CHECK_TEXT(origin, "");
}

int main(void)
{
    names_the_origin_alone();
    parses();
    refuses();
    says_what_is_missing();
    places_without_prefix();
    places_with_prefix();
    return check_result();
}
