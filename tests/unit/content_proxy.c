/* SPDX-License-Identifier: MIT */
#include "content_proxy.h"

#include "check.h"

#include <curl/curl.h>

enum { MIDDLE = 512 /* no deviation from the length of a rest */ };

static struct content_proxies *make(const char *list)
{
    struct content_proxies *proxies = NULL;
    struct error error = {0};
    CHECK(content_proxies_new(list, NULL, 0, &error, &proxies) == 0);
    if (!proxies) {
        fprintf(stderr, "%s: %s\n", list, error.message);
        exit(1);
    }
    return proxies;
}

static int choose(struct content_proxies *proxies, uint64_t offset, uint64_t tried, int64_t now)
{
    int64_t wake;
    return content_proxies_choose(proxies, "md5-0-1", offset, tried, now, &wake);
}

static void lists_are_understood(void)
{
    struct content_proxies *proxies =
        make("http://a:3128|https://b.example/ | http://[::1]:80;unix:/run/c.sock;DIRECT");
    static const char *const names[] = {"http://a:3128", "https://b.example", "http://[::1]:80",
                                        "unix:/run/c.sock", "DIRECT"};
    struct content_proxy_figures figures;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(content_proxies_read_figures(proxies, i, &figures));
        CHECK_TEXT(figures.name, names[i]);
        CHECK(figures.direct == (i == 4) && !figures.resting);
    }
    CHECK(!content_proxies_read_figures(proxies, 5, &figures));
    CHECK(content_proxies_have_direct(proxies));
    content_proxies_free(proxies);
    proxies = make("http://a");
    CHECK(!content_proxies_have_direct(proxies));
    content_proxies_free(proxies);
}

static void other_lists_are_refused(void)
{
    static const char *const bad[] = {"",
                                      "a:3128",
                                      "http://",
                                      "http://a|",
                                      "http://a;;http://b",
                                      "http://a/path",
                                      "http://a?query",
                                      "http://u:p@a",
                                      "http://a:99999",
                                      "ftp://a",
                                      "unix:relative",
                                      "unix:/",
                                      "direct",
                                      "http://a b",
                                      "http://a|http://a",
                                      "http://a;http://a/"};
    char list[CONTENT_PROXY_MOST * 24 + 32] = "http://m";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct content_proxies *proxies = NULL;
        struct error error = {0};
        CHECK(content_proxies_new(bad[i], NULL, 0, &error, &proxies) == -1 && !proxies);
        CHECK(error.kind == ERROR_INVALID && error.message[0]);
    }
    for (int i = 0; i < CONTENT_PROXY_MOST; i++)
        snprintf(list + strlen(list), 24, "|http://m%d", i);
    struct content_proxies *proxies = NULL;
    struct error error = {0};
    CHECK(content_proxies_new(list, NULL, 0, &error, &proxies) == -1);
    CHECK(error.kind == ERROR_INVALID);
}

static bool has(const struct curl_slist *list, const char *header)
{
    for (; list; list = list->next) {
        if (strcmp(list->data, header) == 0)
            return true;
    }
    return false;
}

static void headers_are_filled_in(void)
{
    static const char *const good[] = {"X-Dragonfly-Use-P2P: true", "X-Task: a %i, %i"};
    static const char *const bad[] = {"X-A",       "X-A:",        ": b",
                                      "X A: b",    "X-A: b\r\nc", "Authorization: b",
                                      "cookie: b", "range: b",    "X-Content-Id: 1"};
    struct content_proxies *proxies = NULL;
    struct error error = {0};
    struct http_relay relay;
    CHECK(content_proxies_new("http://a;unix:/b", good, 2, &error, &proxies) == 0);
    CHECK(content_proxies_relay(proxies, 0, "https://S.example:444/x?y", "id", &relay));
    CHECK_TEXT(relay.url, "http://a");
    CHECK(!relay.socket);
    CHECK(has(relay.headers, "Host: S.example:444") && has(relay.headers, "X-Content-Id: id"));
    CHECK(has(relay.headers, good[0]) && has(relay.headers, "X-Task: a id, id"));
    content_proxies_relay_release(&relay);
    CHECK(content_proxies_relay(proxies, 1, "https://s?x", "id", &relay));
    CHECK_TEXT(relay.socket, "/b");
    CHECK(has(relay.headers, "Host: s"));
    content_proxies_relay_release(&relay);
    content_proxies_free(proxies);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct content_proxies *none = NULL;
        error_clear(&error);
        CHECK(content_proxies_new("http://a", &bad[i], 1, &error, &none) == -1);
        CHECK(error.kind == ERROR_INVALID && !strstr(error.message, "b\r"));
    }
}

/* Every member gets its share, a piece stays with its member, and of another list with one more
 * member only what that one gets moves. */
static void pieces_are_spread_and_stay(void)
{
    enum { PIECES = 4000, MEMBERS = 4 };
    struct content_proxies *four = make("http://a|http://b|http://c|http://d");
    struct content_proxies *five = make("http://e|http://d|http://c|http://b|http://a");
    unsigned share[MEMBERS] = {0}, moved = 0;
    for (uint64_t piece = 0; piece < PIECES; piece++) {
        uint64_t offset = piece * CONTENT_PROXY_PIECE;
        int member = choose(four, offset, 0, 0);
        share[member]++;
        CHECK(choose(four, offset + CONTENT_PROXY_PIECE - 1, 0, 0) == member);
        int other = choose(five, offset, 0, 0);
        moved += other == 0;
        CHECK(other == 0 ||
              strcmp(content_proxies_name(five, other), content_proxies_name(four, member)) == 0);
    }
    for (size_t i = 0; i < MEMBERS; i++)
        CHECK(share[i] > PIECES / MEMBERS * 8 / 10 && share[i] < PIECES / MEMBERS * 12 / 10);
    CHECK(moved > PIECES / 5 * 8 / 10 && moved < PIECES / 5 * 12 / 10);
    /* The same on every machine and in every version: caches depend on it. */
    static const int expected[] = {2, 0, 1, 2, 1, 3, 3, 1, 2, 1, 2, 0};
    for (uint64_t piece = 0; piece < sizeof expected / sizeof *expected; piece++)
        CHECK(choose(four, piece * CONTENT_PROXY_PIECE, 0, 0) == expected[piece]);
    content_proxies_free(four);
    content_proxies_free(five);
}

static void groups_come_one_after_the_other(void)
{
    struct content_proxies *proxies = make("http://a|http://b;http://c;DIRECT");
    int first = choose(proxies, 0, 0, 0);
    CHECK(first == 0 || first == 1);
    CHECK(choose(proxies, 0, UINT64_C(1) << first, 0) == 1 - first);
    CHECK(choose(proxies, 0, 3, 0) == 2);
    CHECK(choose(proxies, 0, 7, 0) == 3);
    CHECK(content_proxies_is_direct(proxies, 3) && !content_proxies_is_direct(proxies, 2));
    CHECK(choose(proxies, 0, 15, 0) == -1);
    content_proxies_failed(proxies, 0, 0, 10, MIDDLE);
    content_proxies_failed(proxies, 1, 0, 10, MIDDLE);
    CHECK(choose(proxies, 0, 0, 11) == 2);
    content_proxies_free(proxies);
}

static void who_fails_rests_longer_and_longer(void)
{
    struct content_proxies *proxies = make("http://a");
    int64_t now = 0, wake;
    for (int64_t rest = CONTENT_PROXY_FIRST_REST_MS;; rest *= 2) {
        bool longest = rest > CONTENT_PROXY_LONGEST_REST_MS;
        int64_t expected = longest ? CONTENT_PROXY_LONGEST_REST_MS : rest;
        CHECK(choose(proxies, 0, 0, now) == 0);
        int64_t length = content_proxies_failed(proxies, 0, now, now + 5, MIDDLE);
        CHECK(length >= expected * 99 / 100 && length <= expected * 101 / 100);
        now += 5;
        CHECK(content_proxies_choose(proxies, "x", 0, 0, now + length - 1, &wake) == -1);
        CHECK(wake == now + length);
        now += length;
        if (longest)
            break;
    }
    content_proxies_worked(proxies, 0);
    CHECK(choose(proxies, 0, 0, now) == 0 && choose(proxies, 0, 0, now) == 0);
    CHECK(content_proxies_failed(proxies, 0, now, now, 0) == CONTENT_PROXY_FIRST_REST_MS / 2);
    content_proxies_worked(proxies, 0);
    CHECK(content_proxies_failed(proxies, 0, now, now, 1023) ==
          CONTENT_PROXY_FIRST_REST_MS / 2 + CONTENT_PROXY_FIRST_REST_MS);
    content_proxies_free(proxies);
}

static void failures_side_by_side_count_once(void)
{
    struct content_proxies *proxies = make("http://a");
    struct content_proxy_figures figures;
    CHECK(content_proxies_failed(proxies, 0, 100, 200, MIDDLE) > 0);
    CHECK(content_proxies_failed(proxies, 0, 150, 210, MIDDLE) == 0);
    CHECK(content_proxies_read_figures(proxies, 0, &figures) && figures.resting);
    /* After the rest one is sent to look; the others wait for what it finds. */
    CHECK(choose(proxies, 0, 0, 5000) == 0);
    CHECK(choose(proxies, 0, 0, 5000) == -1);
    content_proxies_worked(proxies, 0);
    CHECK(choose(proxies, 0, 0, 5001) == 0 && choose(proxies, 0, 0, 5001) == 0);
    content_proxies_count(proxies, 0, 7, false);
    content_proxies_count(proxies, 0, 8, true);
    CHECK(content_proxies_read_figures(proxies, 0, &figures));
    CHECK(!figures.resting && figures.bytes == 15 && figures.errors == 1);
    content_proxies_free(proxies);
}

static void contents_that_came_wrong_get_other_names(void)
{
    struct wrong_contents wrong;
    unsigned char md5[MD5_SIZE] = {0xab, 0x01}, other[MD5_SIZE] = {0xcd};
    char id[CONTENT_ID_SIZE];
    content_id_write(id, md5, UINT64_MAX, 0);
    CHECK_TEXT(id, "md5-ab010000000000000000000000000000-18446744073709551615");
    content_id_write(id, md5, 12, 2);
    CHECK_TEXT(id, "md5-ab010000000000000000000000000000-12.2");
    wrong_contents_init(&wrong);
    CHECK(wrong_contents_suffix(&wrong, md5, 12, 0) == 0);
    CHECK(wrong_contents_note(&wrong, md5, 12, 0, 0) == 1);
    CHECK(wrong_contents_note(&wrong, md5, 12, 0, 0) == 1); /* another one that saw the same */
    CHECK(wrong_contents_note(&wrong, md5, 12, 1, 0) == 2);
    CHECK(wrong_contents_suffix(&wrong, md5, 12, 0) == 2);
    CHECK(wrong_contents_suffix(&wrong, md5, 13, 0) == 0);
    CHECK(wrong_contents_suffix(&wrong, other, 12, 0) == 0);
    CHECK(wrong_contents_note(&wrong, md5, 12, 2, 0) == CONTENT_ID_SUFFIXES + 1);
    /* Without a name left it is tried anew soon; else it is remembered for long. */
    CHECK(wrong_contents_suffix(&wrong, md5, 12, CONTENT_ID_EXHAUSTED_MS - 1) >
          CONTENT_ID_SUFFIXES);
    CHECK(wrong_contents_suffix(&wrong, md5, 12, CONTENT_ID_EXHAUSTED_MS) == 0);
    CHECK(wrong_contents_note(&wrong, md5, 13, 0, 0) == 1);
    CHECK(wrong_contents_suffix(&wrong, md5, 13, CONTENT_ID_MEMORY_MS - 1) == 1);
    CHECK(wrong_contents_suffix(&wrong, md5, 13, CONTENT_ID_MEMORY_MS) == 0);
    for (unsigned i = 0; i < CONTENT_IDS_WRONG; i++)
        CHECK(wrong_contents_note(&wrong, other, i, 0, 10 + i) == 1);
    CHECK(wrong_contents_suffix(&wrong, md5, 12, 100) == 0);
    CHECK(wrong_contents_suffix(&wrong, other, 0, 100) == 1);
    wrong_contents_release(&wrong);
}

int main(void)
{
    lists_are_understood();
    other_lists_are_refused();
    headers_are_filled_in();
    pieces_are_spread_and_stay();
    groups_come_one_after_the_other();
    who_fails_rests_longer_and_longer();
    failures_side_by_side_count_once();
    contents_that_came_wrong_get_other_names();
    return check_result();
}
