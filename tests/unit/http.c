/* SPDX-License-Identifier: MIT */
#include "http.h"

#include "base/clock.h"
#include "check.h"
#include "client.h"
#include "server.h"

/* Far beyond any wait that is expected to end early, for slow machines. */
enum { LONG_MS = 60000 };

#define OK_ANSWER    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#define STATUS(line) "HTTP/1.1 " line "\r\nContent-Length: 0\r\n\r\n"

static struct server api;
static struct server other; /* another origin */
static struct client *client;

struct outcome {
    int result;
    struct error error;
    struct http_response response;
};

static struct http_request request_of(const char *url)
{
    return (struct http_request){
        .url = url, .class = HTTP_METADATA, .repeatable = true, .ceiling = 1000};
}

static struct http_request post_of(const char *url)
{
    struct http_request request = request_of(url);
    request.body = "{\"query\":\"x\"}";
    request.content_type = "application/json";
    request.repeatable = false;
    return request;
}

static char *url_of(const struct server *server, const char *path)
{
    static char urls[8][128];
    static unsigned next;
    char *url = urls[next++ % 8];
    snprintf(url, sizeof *urls, "http://127.0.0.1:%d%s", server->port, path);
    return url;
}

static struct outcome send_within(const struct http_request *request, int limit_ms,
                                  const atomic_bool *cancelled)
{
    struct outcome outcome = {0};
    struct call call = {.error = &outcome.error,
                        .deadline = clock_milliseconds() + limit_ms,
                        .cancelled = cancelled};
    outcome.result = http_send(client, &call, request, &outcome.response);
    /* The body is not looked at after this, but for its size. */
    size_t size = outcome.response.body.size;
    http_response_release(&outcome.response);
    outcome.response.body.size = size;
    return outcome;
}

static struct outcome get(const char *url)
{
    struct http_request request = request_of(url);
    return send_within(&request, LONG_MS, NULL);
}

static struct outcome post(const char *url)
{
    struct http_request request = post_of(url);
    return send_within(&request, LONG_MS, NULL);
}

static void make_client(void)
{
    struct error error = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", api.port);
    struct client_config config = {.base_url = url};
    CHECK(client_new(&config, &client, &error) == 0);
    if (error.kind != ERROR_NONE) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
}

static void restart(void)
{
    client_free(client);
    make_client();
}

static void answers(void)
{
    server_answer(&api, "/ok", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    struct outcome outcome = get(url_of(&api, "/ok"));
    CHECK(outcome.result == 0);
    CHECK(outcome.response.status == 200);
    CHECK(outcome.response.body.size == 2);
    CHECK(outcome.response.content_length == 2);
    CHECK_TEXT(outcome.response.content_type, "application/json");
    CHECK(server_saw(&api, "/ok", "Authorization: Basic YXBpOmtleQ=="));
    CHECK(server_saw(&api, "/ok", "Accept-Encoding:"));
    CHECK(post(url_of(&api, "/ok")).response.status == 200);
    CHECK(server_saw(&api, "/ok", "Content-Type: application/json"));
    CHECK(!server_saw(&api, "/ok", "Expect:"));
    CHECK(get(url_of(&api, "/nothing")).response.status == 404);
}

static void keeps_credentials_at_home(void)
{
    static char location[256];
    server_answer(&other, "/seen", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    CHECK(get(url_of(&other, "/seen")).response.status == 200);
    CHECK(server_count(&other, "/seen") == 1 && !server_saw(&other, "/seen", "Authorization:"));
    snprintf(location, sizeof location,
             "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             url_of(&other, "/seen"));
    server_answer(&api, "/away", SERVER_FOREVER, location, THEN_KEEP);
    CHECK(get(url_of(&api, "/away")).response.status == 200);
    CHECK(server_saw(&api, "/away", "Authorization:"));
    CHECK(server_count(&other, "/seen") == 2 && !server_saw(&other, "/seen", "Authorization:"));
    struct outcome moved = post(url_of(&api, "/away"));
    CHECK(moved.result == -1 && moved.error.kind == ERROR_SERVER);
    CHECK(server_count(&other, "/seen") == 2);
    struct http_request data = request_of(url_of(&api, "/ok"));
    data.class = HTTP_DATA;
    CHECK(send_within(&data, LONG_MS, NULL).response.status == 200);
    CHECK(!server_saw(&api, "/ok", "Authorization:"));
    data.url = url_of(&api, "/artifacts/e/00");
    CHECK(send_within(&data, LONG_MS, NULL).response.status == 404);
    CHECK(server_saw(&api, "/artifacts/e/00", "Authorization:"));
    server_answer(&api, "/here", SERVER_FOREVER,
                  "HTTP/1.1 307 Here\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", THEN_KEEP);
    CHECK(post(url_of(&api, "/here")).response.status == 200);
    CHECK(server_saw(&api, "/ok", "Authorization:"));
}

static void refuses_strange_redirects(void)
{
    static const char *const locations[] = {
        "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: http://a:b@127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        server_answer(&api, "/strange", 1, locations[i], THEN_KEEP);
        struct outcome outcome = get(url_of(&api, "/strange"));
        CHECK(outcome.result == -1 && outcome.error.kind == ERROR_SERVER);
    }
    server_answer(&api, "/loop", SERVER_FOREVER,
                  "HTTP/1.1 302 x\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n", THEN_KEEP);
    struct outcome loop = get(url_of(&api, "/loop"));
    CHECK(loop.result == -1 && loop.error.kind == ERROR_SERVER);
    CHECK(server_count(&api, "/loop") == 6);
}

static void repeats_reads_only(void)
{
    server_answer(&api, "/flaky", 2, STATUS("503 Busy"), THEN_KEEP);
    server_answer(&api, "/flaky", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    CHECK(get(url_of(&api, "/flaky")).response.status == 200);
    CHECK(server_count(&api, "/flaky") == 3);
    server_answer(&api, "/write", SERVER_FOREVER, STATUS("503 Busy"), THEN_KEEP);
    CHECK(post(url_of(&api, "/write")).response.status == 503);
    CHECK(server_count(&api, "/write") == 1);
    server_answer(&api, "/broken", SERVER_FOREVER, STATUS("500 No"), THEN_KEEP);
    CHECK(get(url_of(&api, "/broken")).response.status == 500);
    CHECK(server_count(&api, "/broken") == 1);
    restart();
}

/* The connections are warm: curl alone would send the request again. */
static void never_repeats_a_write_whose_answer_is_lost(void)
{
    CHECK(get(url_of(&api, "/ok")).result == 0);
    server_answer(&api, "/lost", SERVER_FOREVER, "", THEN_CLOSE);
    struct outcome lost = post(url_of(&api, "/lost"));
    CHECK(lost.result == -1 && lost.error.kind == ERROR_SERVER);
    CHECK(lost.error.maybe_applied);
    CHECK(server_count(&api, "/lost") == 1);
    server_answer(&api, "/dropped", 1, "", THEN_CLOSE);
    server_answer(&api, "/dropped", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    struct outcome dropped = get(url_of(&api, "/dropped"));
    CHECK(dropped.response.status == 200);
    restart();
}

/* So many bytes of headers, and an end. */
static char *long_head(size_t size)
{
    char *head = calloc(1, size + 100);
    snprintf(head, size, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (size_t at = strlen(head); at < size; at += 64)
        snprintf(head + at, 65, "X-%05u: %053d\r\n", (unsigned)(at / 64) % 100000u, 0);
    snprintf(head + strlen(head), 3, "\r\n");
    return head;
}

/* Fewer than curl itself would take. */
static void refuses_long_heads(void)
{
    /* Not freed while the server's threads live, which send them. */
    static char *short_one, *long_one;
    short_one = long_head(250 << 10);
    long_one = long_head(270 << 10);
    server_answer(&api, "/short-head", SERVER_FOREVER, short_one, THEN_KEEP);
    CHECK(get(url_of(&api, "/short-head")).response.status == 200);
    server_answer(&api, "/long-head", SERVER_FOREVER, long_one, THEN_CLOSE);
    struct outcome refused = get(url_of(&api, "/long-head"));
    CHECK(refused.result == -1 && refused.error.kind == ERROR_SERVER);
    CHECK(strstr(refused.error.message, "larger"));
    restart();
}

static void refuses_bad_bodies(void)
{
    static char endless[400 * 1024] = "HTTP/1.1 200 OK\r\n";
    server_answer(&api, "/cut", SERVER_FOREVER, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
                  THEN_CLOSE);
    struct outcome cut = get(url_of(&api, "/cut"));
    CHECK(cut.result == -1 && cut.error.kind == ERROR_SERVER && !cut.error.maybe_applied);
    CHECK(server_count(&api, "/cut") == 1);
    struct http_request small = request_of(url_of(&api, "/ok"));
    small.ceiling = 1;
    struct outcome large = send_within(&small, LONG_MS, NULL);
    CHECK(large.result == -1 && large.error.kind == ERROR_SERVER);
    for (size_t at = strlen(endless); at + 100 < sizeof endless; at += 64)
        snprintf(endless + at, 65, "X-%05u: %053d\r\n", (unsigned)(at / 64) % 100000u, 0);
    server_answer(&api, "/endless", SERVER_FOREVER, endless, THEN_HANG);
    struct outcome head = get(url_of(&api, "/endless"));
    CHECK(head.result == -1 && head.error.kind == ERROR_SERVER);
    restart();
}

static void waits_out_the_rate_limit(void)
{
    server_answer(&api, "/limited", 1,
                  "HTTP/1.1 429 x\r\nRetry-After: 0.3\r\nContent-Length: 0\r\n\r\n", THEN_KEEP);
    server_answer(&api, "/limited", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    int64_t started = clock_milliseconds();
    CHECK(get(url_of(&api, "/limited")).response.status == 200);
    CHECK(clock_milliseconds() - started >= 300);
    server_answer(&api, "/busy", SERVER_FOREVER,
                  "HTTP/1.1 429 x\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n", THEN_KEEP);
    struct outcome busy = get(url_of(&api, "/busy"));
    CHECK(busy.result == -1 && busy.error.kind == ERROR_BUSY && busy.error.status == 429);
    server_answer(&api, "/last", SERVER_FOREVER,
                  "HTTP/1.1 200 OK\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 0.3\r\n"
                  "Content-Length: 0\r\n\r\n",
                  THEN_KEEP);
    started = clock_milliseconds();
    CHECK(get(url_of(&api, "/last")).result == 0);
    CHECK(get(url_of(&api, "/ok")).result == 0);
    CHECK(clock_milliseconds() - started >= 300);
}

static void *cancel_soon(void *flag)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    if (flag)
        atomic_store((atomic_bool *)flag, true);
    else
        client_shut_down(client);
    return NULL;
}

static void ends_waits(void)
{
    pthread_t thread;
    atomic_bool cancelled = false;
    server_answer(&api, "/hang", SERVER_FOREVER, "", THEN_HANG);
    struct http_request request = post_of(url_of(&api, "/hang"));
    struct outcome late = send_within(&request, 300, NULL);
    CHECK(late.result == -1 && late.error.kind == ERROR_TIMEOUT && late.error.maybe_applied);
    pthread_create(&thread, NULL, cancel_soon, &cancelled);
    int64_t started = clock_milliseconds();
    struct outcome outcome = send_within(&request, LONG_MS, &cancelled);
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_INTERRUPTED);
    CHECK(outcome.error.maybe_applied);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, cancel_soon, NULL);
    outcome = send_within(&request, LONG_MS, NULL);
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_INTERRUPTED);
    CHECK(clock_milliseconds() - started < LONG_MS / 2);
    pthread_join(thread, NULL);
    CHECK(get(url_of(&api, "/ok")).error.kind == ERROR_INTERRUPTED);
    restart();
}

static void opens_the_breaker(void)
{
    struct server gone;
    CHECK(server_start(&gone));
    char *url = url_of(&gone, "/x");
    server_stop(&gone);
    restart();
    struct outcome outcome = post(url);
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_UNREACHABLE);
    CHECK(!outcome.error.maybe_applied);
    int before = server_count(&api, "/ok");
    struct client_figures figures;
    client_read_figures(client, &figures);
    CHECK(figures.server_down);
    CHECK(figures.requests == 5 && figures.retries == 4 && figures.failures == 1);
    outcome = get(url_of(&api, "/ok"));
    CHECK(outcome.result == -1 && outcome.error.kind == ERROR_UNREACHABLE);
    CHECK(server_count(&api, "/ok") == before);
    restart();
}

static bool take(void *context, const char *bytes, size_t size)
{
    char *taken = context;
    snprintf(taken + strlen(taken), 64 - strlen(taken), "%.*s", (int)size, bytes);
    return taken[0] != 'x';
}

static void fetches_ranges(void)
{
    char taken[64] = "";
    struct http_request request = {.url = url_of(&other, "/range"),
                                   .class = HTTP_DATA,
                                   .repeatable = true,
                                   .range = true,
                                   .offset = 3,
                                   .length = 4,
                                   .ceiling = 4,
                                   .sink = take,
                                   .context = taken};
    server_answer(&other, "/range", 1,
                  "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100\r\nContent-Length: 4\r\n\r\nabcd",
                  THEN_KEEP);
    server_answer(&other, "/range", 1,
                  "HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/*\r\nContent-Length: 4\r\n\r\nxbcd",
                  THEN_KEEP);
    server_answer(&other, "/range", 1, "HTTP/1.1 403 x\r\nContent-Length: 7\r\n\r\nexpired",
                  THEN_KEEP);
    struct outcome good = send_within(&request, LONG_MS, NULL);
    CHECK(good.result == 0 && good.response.status == 206);
    CHECK(good.response.range_start == 3 && good.response.range_total == 100);
    CHECK_TEXT(taken, "abcd");
    CHECK(server_saw(&other, "/range", "Range: bytes=3-6"));
    CHECK(!server_saw(&other, "/range", "Accept-Encoding:"));
    taken[0] = '\0';
    struct outcome ended = send_within(&request, LONG_MS, NULL);
    CHECK(ended.result == -1 && ended.response.range_total == -1);
    taken[0] = '\0';
    struct outcome expired = send_within(&request, LONG_MS, NULL);
    CHECK(expired.result == 0 && expired.response.status == 403);
    CHECK(expired.response.body.size == 7);
    CHECK_TEXT(taken, "");
}

static void goes_through_the_proxy_of_its_own(void)
{
    char proxy[64];
    char url[128];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", other.port);
    setenv("WANDB_HTTP_PROXY", proxy, 1);
    setenv("WANDB_X_EXTRA_HTTP_HEADERS", "{\"X-Team\":\"a\",\"Proxy-Authorization\":\"Basic p\"}",
           1);
    setenv("WANDB_USERNAME", "ada", 1);
    restart();
    snprintf(url, sizeof url, "%s", url_of(&api, "/proxied"));
    server_answer(&other, url, SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    CHECK(get(url).response.status == 200);
    CHECK(server_count(&other, url) == 1 && server_count(&api, "/proxied") == 0);
    CHECK(server_saw(&other, url, "X-Team: a\r\n"));
    CHECK(server_saw(&other, url, "Proxy-Authorization: Basic p\r\n"));
    CHECK(server_saw(&other, url, "X-WANDB-USERNAME: ada\r\n"));
    CHECK(get(url_of(&other, "/seen")).response.status == 200);
    CHECK(server_saw(&other, "/seen", "X-Team: a\r\n"));
    CHECK(!server_saw(&other, "/seen", "Proxy-Authorization"));
    CHECK(!server_saw(&other, "/seen", "X-WANDB-USERNAME"));
    unsetenv("WANDB_HTTP_PROXY");
    unsetenv("WANDB_X_EXTRA_HTTP_HEADERS");
    unsetenv("WANDB_USERNAME");
    restart();
}

int main(void)
{
    static const char *const unset[] = {"WANDB_BASE_URL",   "WANDB_IDENTITY_TOKEN_FILE",
                                        "WANDB_HTTP_PROXY", "HTTP_PROXY",
                                        "http_proxy",       "WANDB_X_EXTRA_HTTP_HEADERS"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        unsetenv(unset[i]);
    setenv("HOME", "/nonexistent", 1);
    setenv("WANDB_API_KEY", "key", 1);
    if (!server_start(&api) || !server_start(&other))
        return 1;
    make_client();
    answers();
    keeps_credentials_at_home();
    refuses_strange_redirects();
    repeats_reads_only();
    never_repeats_a_write_whose_answer_is_lost();
    refuses_long_heads();
    refuses_bad_bodies();
    waits_out_the_rate_limit();
    fetches_ranges();
    opens_the_breaker();
    goes_through_the_proxy_of_its_own();
    ends_waits();
    client_free(client);
    server_stop(&api);
    server_stop(&other);
    return check_result();
}
