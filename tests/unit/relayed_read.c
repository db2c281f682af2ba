/* SPDX-License-Identifier: MIT */
/* Reading through content proxies that are small servers of our own: what is sent to which, and
 * what becomes of each kind of answer. */
#include "check.h"
#include "file_source.h"
#include "server.h"

#include <inttypes.h>

#define URL "https://store.example/b/f?X-Signature=s%2Fs"

enum { SIZE = 100 };

static struct server api, first, second;
static struct client *client;

static struct version version = {.object = {1}, .organization = {"acme", 4}};
static struct artifact_file file = {.object = {1},
                                    .path = {"f", 1},
                                    .url = {URL, sizeof URL - 1},
                                    .size = SIZE,
                                    .md5 = {0xab},
                                    .has_md5 = true,
                                    .stored = true};

static struct outcome {
    int result;
    struct error error;
    char bytes[256];
} outcome;

static bool take(void *context, const char *bytes, size_t size)
{
    struct outcome *into = context;
    snprintf(into->bytes + strlen(into->bytes), sizeof into->bytes - strlen(into->bytes), "%.*s",
             (int)size, bytes);
    return true;
}

static void read_range(struct file_source *source, uint64_t offset, uint64_t length)
{
    outcome = (struct outcome){0};
    struct call call = {.error = &outcome.error};
    outcome.result = file_source_read(source, &call, offset, length, take, &outcome);
}

/* A client whose list is `form`, with the ports of the two proxies for each %d. */
static void begin(const char *one, const char *then)
{
    static const char *const headers[] = {"X-Task: t-%i"};
    struct error error = {0};
    char base[64], list[200];
    client_free(client);
    client = NULL;
    if (first.port) {
        server_stop(&first);
        server_stop(&second);
    }
    if (!server_start(&first) || !server_start(&second))
        exit(1);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", api.port);
    snprintf(list, sizeof list, "%s%d;%s%d", one, first.port, then, second.port);
    struct client_config config = {.base_url = base,
                                   .content_proxies = list,
                                   .proxy_headers = headers,
                                   .proxy_header_count = 1};
    CHECK(client_new(&config, &client, &error) == 0);
    if (!client) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
}

static void read_once(uint64_t offset, uint64_t length)
{
    struct file_source *source = NULL;
    struct error error = {0};
    CHECK(file_source_new(client, &version, &file, &error, &source) == 0);
    read_range(source, offset, length);
    file_source_free(source);
}

static struct content_proxy_figures figures_of(size_t member)
{
    struct content_proxy_figures figures = {0};
    CHECK(client_read_content_proxy(client, member, &figures));
    return figures;
}

#define GOOD "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\nContent-Length: 4\r\n\r\nabcd"

static void both_work(void)
{
    begin("http://127.0.0.1:", "http://127.0.0.1:");
}

static void sends_the_url_as_it_stands(void)
{
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("WANDB_X_EXTRA_HTTP_HEADERS", "{\"X-Team\":\"a\"}", 1);
    both_work();
    server_answer(&first, URL, 1, GOOD, THEN_KEEP);
    read_once(3, 4);
    CHECK(outcome.result == 0);
    CHECK_TEXT(outcome.bytes, "abcd");
    CHECK(server_count(&first, URL) == 1);
    CHECK(server_saw(&first, URL, "GET " URL " HTTP/1.1\r\n"));
    CHECK(server_saw(&first, URL, "Host: store.example\r\n"));
    CHECK(server_saw(&first, URL, "Range: bytes=3-6\r\n"));
    CHECK(server_saw(&first, URL, "X-Content-Id: md5-ab000000000000000000000000000000-100\r\n"));
    CHECK(server_saw(&first, URL, "X-Task: t-md5-ab000000000000000000000000000000-100\r\n"));
    CHECK(!server_saw(&first, URL, "Authorization") && !server_saw(&first, URL, "X-Team"));
    CHECK(!server_saw(&first, URL, "Cookie") && !server_saw(&first, URL, "X-WANDB"));
    CHECK(figures_of(0).bytes == 4 && figures_of(0).errors == 0 && figures_of(1).bytes == 0);
    unsetenv("https_proxy");
    unsetenv("http_proxy");
    unsetenv("WANDB_X_EXTRA_HTTP_HEADERS");
}

/* Answers after which the next member is asked, while the one that gave it rests. */
static void asks_the_next_member(void)
{
    static const struct {
        const char *answer;
        enum server_then then;
        bool part; /* of the bytes came */
    } bad[] = {
        {"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 421 x\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 405 x\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 429 x\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, false},
        {"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", THEN_KEEP,
         false},
        {"HTTP/1.1 200 x\r\nContent-Length: 4\r\n\r\nabcd", THEN_KEEP, false},
        {"HTTP/1.1 206 x\r\nContent-Range: bytes 4-7/100\r\nContent-Length: 4\r\n\r\nefgh",
         THEN_KEEP, false},
        {"HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/99\r\nContent-Length: 4\r\n\r\nefgh",
         THEN_KEEP, false},
        {"HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/*\r\nContent-Length: 4\r\n\r\nefgh", THEN_KEEP,
         false},
        {"", THEN_CLOSE, false},
        /* Taken up at the byte reached. */
        {"HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\nContent-Length: 4\r\n\r\nab",
         THEN_CLOSE, true},
        /* Whole, but less than was asked for, and hardly anything. */
        {"HTTP/1.1 206 x\r\nContent-Range: bytes 3-4/100\r\nContent-Length: 2\r\n\r\nab", THEN_KEEP,
         true},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        both_work();
        server_answer(&first, URL, SERVER_FOREVER, bad[i].answer, bad[i].then);
        bool part = bad[i].part;
        server_answer(&second, URL, SERVER_FOREVER,
                      part ? "HTTP/1.1 206 x\r\nContent-Range: bytes 5-6/100\r\nContent-Length: "
                             "2\r\n\r\ncd"
                           : GOOD,
                      THEN_KEEP);
        read_once(3, 4);
        CHECK(outcome.result == 0);
        CHECK_TEXT(outcome.bytes, "abcd");
        CHECK(server_count(&second, URL) == 1);
        CHECK(server_saw(&second, URL, part ? "Range: bytes=5-6\r\n" : "Range: bytes=3-6\r\n"));
        CHECK(figures_of(0).resting);
        CHECK(figures_of(0).errors == 1 && !figures_of(1).resting && figures_of(1).errors == 0);
        /* It is not asked while it rests. */
        int before = server_count(&first, URL);
        if (!part)
            read_once(3, 4);
        CHECK(server_count(&first, URL) == before);
    }
}

/* Who is the only one to ask is asked again when he has rested. */
static void the_only_member_cuts_an_answer(void)
{
    begin("http://127.0.0.1:", "unix:/nonexistent/");
    server_answer(&first, URL, 1,
                  "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\nContent-Length: 4\r\n\r\nab",
                  THEN_CLOSE);
    server_answer(&first, URL, 1,
                  "HTTP/1.1 206 x\r\nContent-Range: bytes 5-6/100\r\nContent-Length: 2\r\n\r\ncd",
                  THEN_KEEP);
    read_once(3, 4);
    CHECK(outcome.result == 0 && server_count(&first, URL) == 2);
    CHECK_TEXT(outcome.bytes, "abcd");
    CHECK(server_saw(&first, URL, "Range: bytes=5-6\r\n"));
}

/* What is all here is compared by its digest: nothing is asked for once more because of an answer's
 * end. */
static void answers_that_end_badly(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\nTransfer-Encoding: "
        "chunked\r\n\r\n4\r\nabcd\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\nTransfer-Encoding: "
        "chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\n\r\nabcdef",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        both_work();
        server_answer(&first, URL, 1, answers[i], THEN_CLOSE);
        read_once(3, 4);
        CHECK(outcome.result == 0);
        CHECK_TEXT(outcome.bytes, "abcd");
        CHECK(server_count(&first, URL) == 1 && server_count(&second, URL) == 0);
        CHECK(figures_of(0).errors == 1 && figures_of(0).bytes == 4);
    }
}

static void a_member_that_is_gone(void)
{
    both_work();
    server_stop(&first);
    server_answer(&second, URL, SERVER_FOREVER, GOOD, THEN_KEEP);
    read_once(3, 4);
    CHECK(outcome.result == 0);
    CHECK(figures_of(0).resting && figures_of(0).errors == 1 && figures_of(1).bytes == 4);
    first.port = 0;
    server_stop(&second);
}

/* A denied URL is renewed once, and the same member asked again; then the next one. */
static void a_url_that_is_denied(void)
{
    static const char denied[] = "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n";
    both_work();
    server_answer(&first, URL, 1, denied, THEN_KEEP);
    server_answer(&first, URL, 1, GOOD, THEN_KEEP);
    int asked = server_count(&api, "/graphql");
    read_once(3, 4);
    CHECK(outcome.result == 0 && server_count(&first, URL) == 2 && server_count(&second, URL) == 0);
    CHECK(server_count(&api, "/graphql") > asked);
    CHECK(!figures_of(0).resting && figures_of(0).errors == 1);
    both_work();
    server_answer(&first, URL, SERVER_FOREVER, denied, THEN_KEEP);
    server_answer(&second, URL, SERVER_FOREVER, denied, THEN_KEEP);
    read_once(3, 4);
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_FORBIDDEN);
    CHECK(server_count(&first, URL) == 2 && server_count(&second, URL) == 1);
    CHECK(!figures_of(0).resting && !figures_of(1).resting);
}

/* Without DIRECT nothing goes past them. */
static void what_cannot_be_asked_of_them(void)
{
    char own[64];
    struct artifact_file kept = file;
    both_work();
    file.has_md5 = false;
    read_once(3, 4);
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_UNREACHABLE);
    CHECK(strstr(outcome.error.message, "MD5") && strstr(outcome.error.message, "DIRECT"));
    file = kept;
    snprintf(own, sizeof own, "http://127.0.0.1:%d/store/f", api.port);
    static const char user[] = "https://u:p@store.example/f";
    const struct text urls[] = {{own, strlen(own)}, {user, strlen(user)}};
    for (size_t i = 0; i < 2; i++) {
        file.url = urls[i];
        read_once(3, 4);
        CHECK(outcome.result == -1 && outcome.error.kind == ERROR_UNREACHABLE);
        CHECK(!strstr(outcome.error.message, "u:p"));
    }
    file = kept;
    CHECK(first.hit_count == 0 && second.hit_count == 0 && server_count(&api, "/store/f") == 0);
}

static void requests_end_where_pieces_do(void)
{
    static const uint64_t piece = UINT64_C(64) << 20;
    static const char below[] = "HTTP/1.1 206 x\r\nContent-Range: bytes 67108862-67108863/67108900"
                                "\r\nContent-Length: 2\r\n\r\nab";
    static const char above[] = "HTTP/1.1 206 x\r\nContent-Range: bytes 67108864-67108865/67108900"
                                "\r\nContent-Length: 2\r\n\r\ncd";
    both_work();
    file.size = (int64_t)piece + 36;
    server_answer(&first, URL, 1, below, THEN_KEEP);
    server_answer(&first, URL, 1, above, THEN_KEEP);
    read_once(piece - 2, 4);
    CHECK(outcome.result == 0 && server_count(&first, URL) == 2);
    CHECK_TEXT(outcome.bytes, "abcd");
    CHECK(server_saw(&first, URL, "Range: bytes=67108864-67108865\r\n"));
    file.size = SIZE;
}

static void a_content_that_came_wrong(void)
{
    struct file_source *source = NULL;
    struct error error = {0};
    both_work();
    server_answer(&first, URL, SERVER_FOREVER, GOOD, THEN_KEEP);
    CHECK(file_source_new(client, &version, &file, &error, &source) == 0);
    CHECK(client_content_ways(client) == 3);
    for (int i = 1; i <= 2; i++) {
        char id[96];
        file_source_distrust(source);
        snprintf(id, sizeof id, "X-Content-Id: md5-ab000000000000000000000000000000-100.%d\r\n", i);
        read_range(source, 3, 4);
        CHECK(outcome.result == 0 && server_saw(&first, URL, id));
        read_once(3, 4); /* so does whoever opens it from now on */
        CHECK(outcome.result == 0 && server_saw(&first, URL, id));
    }
    file_source_distrust(source);
    int before = server_count(&first, URL);
    read_range(source, 3, 4);
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_SERVER);
    CHECK(server_count(&first, URL) == before);
    file_source_free(source);
}

int main(void)
{
    static const char *const unset[] = {"WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE",
                                        "WANDB_HTTP_PROXY", "HTTP_PROXY", "http_proxy"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        unsetenv(unset[i]);
    setenv("HOME", "/nonexistent", 1);
    setenv("WANDB_API_KEY", "key", 1);
    if (!server_start(&api))
        return 1;
    sends_the_url_as_it_stands();
    asks_the_next_member();
    the_only_member_cuts_an_answer();
    answers_that_end_badly();
    a_url_that_is_denied();
    what_cannot_be_asked_of_them();
    requests_end_where_pieces_do();
    a_content_that_came_wrong();
    a_member_that_is_gone();
    client_free(client);
    server_stop(&api);
    return check_result();
}
