/* SPDX-License-Identifier: MIT */
#include "credentials.h"

#include "base/clock.h"
#include "check.h"
#include "client.h"
#include "http.h"
#include "local_file.h"
#include "server.h"

#include <sys/stat.h>

enum { LONG_MS = 60000, THREADS = 8 };

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#define REFUSED   "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n"

static char directory[] = "/tmp/registryfs-credentials-XXXXXX";
static struct server server;
static char base_url[64];
static char warnings[1024];

static void remember(void *context, enum client_log_level level, const char *message)
{
    (void)context;
    if (level == CLIENT_LOG_WARNING)
        snprintf(warnings, sizeof warnings, "%s", message);
}

/* The path of a test file, with this content unless NULL. */
static const char *file(const char *name, const char *content)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    struct error error = {0};
    snprintf(path, sizeof *paths, "%s/%s", directory, name);
    if (content)
        CHECK(local_file_replace(path, content, strlen(content), &error) == 0);
    return path;
}

/* What client_new() finds; the kind of its error, or ERROR_NONE and a client. */
static enum error_kind make(const char *key_file, struct client **client)
{
    struct error error = {0};
    struct client_config config = {
        .base_url = base_url, .api_key_file = key_file, .observer = {.log = remember}};
    *client = NULL;
    int result = client_new(&config, client, &error);
    CHECK((result == 0) == (error.kind == ERROR_NONE));
    CHECK(result == 0 || !strstr(error.message, "sesame"));
    return error.kind;
}

static int status_of(struct client *client, const char *path)
{
    char url[128];
    struct error error = {0};
    struct call call = {.error = &error, .deadline = clock_milliseconds() + LONG_MS};
    struct http_response response;
    snprintf(url, sizeof url, "%s%s", base_url, path);
    struct http_request request = {
        .url = url, .class = HTTP_METADATA, .repeatable = true, .ceiling = 1000};
    int result = http_send(client, &call, &request, &response);
    http_response_release(&response);
    return result == 0 ? response.status : -(int)error.kind;
}

/* Whether the client made from here on sends this key ("api:KEY" in base64). */
static void check_sent(const char *key_file, const char *encoded)
{
    struct client *client;
    char header[128];
    snprintf(header, sizeof header, "Authorization: Basic %s\r\n", encoded);
    CHECK(make(key_file, &client) == ERROR_NONE);
    if (!client)
        return;
    CHECK(status_of(client, "/ok") == 200);
    CHECK(server_saw(&server, "/ok", header));
    client_free(client);
}

static void check_refused(const char *key_file, enum error_kind kind)
{
    struct client *client;
    CHECK(make(key_file, &client) == kind);
    client_free(client);
}

static void looks_in_order(void)
{
    char netrc[256];
    check_refused(NULL, ERROR_UNAUTHENTICATED);
    snprintf(netrc, sizeof netrc,
             "machine 127.0.0.1 password host\nmachine 127.0.0.1:%d password port\n", server.port);
    file(".netrc", netrc);
    check_sent(NULL, "YXBpOnBvcnQ=");
    file("named", "machine 127.0.0.1 password host\n");
    setenv("NETRC", "~/named", 1);
    check_sent(NULL, "YXBpOmhvc3Q=");
    setenv("WANDB_API_KEY", "env", 1);
    check_sent(NULL, "YXBpOmVudg==");
    check_sent(file("key", " filed \r\n"), "YXBpOmZpbGVk");
    setenv("WANDB_IDENTITY_TOKEN_FILE", file("jwt", "a.b.c"), 1);
    check_refused(NULL, ERROR_UNAUTHENTICATED);
    unsetenv("WANDB_IDENTITY_TOKEN_FILE");
    unsetenv("WANDB_API_KEY");
    unsetenv("NETRC");
}

static void refuses_what_cannot_be_a_key(void)
{
    check_refused(file("none", NULL), ERROR_LOCAL);
    check_refused(file("empty", "\n"), ERROR_LOCAL);
    check_refused(file("two", "open sesame\n"), ERROR_LOCAL);
    check_refused(directory, ERROR_LOCAL);
    setenv("WANDB_API_KEY", "sesame\r\nX-Evil: 1", 1);
    check_refused(NULL, ERROR_UNAUTHENTICATED);
    unsetenv("WANDB_API_KEY");
    file(".netrc", "nonsense\n");
    warnings[0] = '\0';
    check_refused(NULL, ERROR_UNAUTHENTICATED);
    CHECK(strstr(warnings, "line 1") != NULL);
}

static void reads_a_rotated_key_when_it_is_refused(void)
{
    struct client *client;
    setenv("WANDB_API_KEY", "old", 1);
    CHECK(make(NULL, &client) == ERROR_NONE);
    server_answer(&server, "/rotated", 1, REFUSED, THEN_KEEP);
    server_answer(&server, "/rotated", 1, OK_ANSWER, THEN_KEEP);
    server_answer(&server, "/rotated", SERVER_FOREVER, REFUSED, THEN_KEEP);
    setenv("WANDB_API_KEY", "new", 1);
    CHECK(status_of(client, "/rotated") == 200);
    CHECK(server_saw(&server, "/rotated", "Basic YXBpOm5ldw=="));
    CHECK(server_count(&server, "/rotated") == 2);
    CHECK(status_of(client, "/rotated") == 401);
    CHECK(server_count(&server, "/rotated") == 3);
    setenv("WANDB_API_KEY", "third", 1);
    CHECK(status_of(client, "/rotated") == 401);
    CHECK(server_count(&server, "/rotated") == 5);
    unsetenv("WANDB_API_KEY");
    client_free(client);
}

static void reads_a_replaced_key_file(void)
{
    struct client *client;
    struct error error = {0};
    CHECK(make(file("replaced", "old"), &client) == ERROR_NONE);
    file("replaced", "third");
    CHECK(status_of(client, "/ok") == 200);
    CHECK(server_saw(&server, "/ok", "Basic YXBpOnRoaXJk"));
    file("replaced", "");
    CHECK(client_reload_credentials(client, &error) == -1);
    CHECK(status_of(client, "/ok") == 200);
    CHECK(server_saw(&server, "/ok", "Basic YXBpOnRoaXJk"));
    client_free(client);
}

static void *ask(void *client)
{
    return (void *)(intptr_t)status_of(client, "/token");
}

static void ask_from_threads(struct client *client)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, ask, client);
    for (size_t i = 0; i < THREADS; i++) {
        void *status;
        pthread_join(threads[i], &status);
        CHECK((intptr_t)status == 200);
    }
}

static void exchanges_identity_tokens(void)
{
    struct client *client;
    struct stat status;
    setenv("WANDB_IDENTITY_TOKEN_FILE", file("jwt", " a.b.c\n"), 1);
    setenv("WANDB_CREDENTIALS_FILE", file("new/credentials.json", NULL), 1);
    server_answer(&server, "/token", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    server_answer(&server, "/oidc/token", 1,
                  "HTTP/1.1 200 x\r\nContent-Length: 42\r\n\r\n"
                  "{\"access_token\":\"first\",\"expires_in\":3600}",
                  THEN_KEEP);
    server_answer(&server, "/oidc/token", 1,
                  "HTTP/1.1 200 x\r\nContent-Length: 43\r\n\r\n"
                  "{\"access_token\":\"second\",\"expires_in\":3600}",
                  THEN_KEEP);
    server_answer(&server, "/oidc/token", SERVER_FOREVER,
                  "HTTP/1.1 400 x\r\nContent-Length: 25\r\n\r\n{\"error\":\"invalid_grant\"}",
                  THEN_KEEP);
    CHECK(make(NULL, &client) == ERROR_NONE);
    CHECK(server_count(&server, "/oidc/token") == 0);
    ask_from_threads(client);
    CHECK(server_count(&server, "/oidc/token") == 1);
    CHECK(!server_saw(&server, "/oidc/token", "Authorization:"));
    CHECK(server_saw(&server, "/token", "Authorization: Bearer first\r\n"));
    CHECK(stat(file("new/credentials.json", NULL), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    client_free(client);

    CHECK(make(NULL, &client) == ERROR_NONE);
    CHECK(status_of(client, "/token") == 200);
    CHECK(server_count(&server, "/oidc/token") == 1);
    server_answer(&server, "/stale", 1, REFUSED, THEN_KEEP);
    server_answer(&server, "/stale", 1, OK_ANSWER, THEN_KEEP);
    server_answer(&server, "/stale", SERVER_FOREVER, REFUSED, THEN_KEEP);
    CHECK(status_of(client, "/stale") == 200);
    CHECK(server_count(&server, "/oidc/token") == 2);
    CHECK(server_saw(&server, "/stale", "Authorization: Bearer second\r\n"));
    CHECK(status_of(client, "/stale") == 401);
    CHECK(status_of(client, "/token") == -ERROR_UNAUTHENTICATED);
    client_free(client);
    unsetenv("WANDB_IDENTITY_TOKEN_FILE");
    unsetenv("WANDB_CREDENTIALS_FILE");
}

int main(void)
{
    static const char *const unset[] = {"WANDB_API_KEY",
                                        "WANDB_BASE_URL",
                                        "WANDB_IDENTITY_TOKEN_FILE",
                                        "WANDB_CONFIG_DIR",
                                        "WANDB_HTTP_PROXY",
                                        "HTTP_PROXY",
                                        "http_proxy",
                                        "NETRC"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        unsetenv(unset[i]);
    if (!mkdtemp(directory) || !server_start(&server))
        return 1;
    setenv("HOME", directory, 1);
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", server.port);
    server_answer(&server, "/ok", SERVER_FOREVER, OK_ANSWER, THEN_KEEP);
    looks_in_order();
    refuses_what_cannot_be_a_key();
    reads_a_rotated_key_when_it_is_refused();
    reads_a_replaced_key_file();
    exchanges_identity_tokens();
    server_stop(&server);
    static const char *const files[] = {".netrc", "named", "key",      "jwt",
                                        "empty",  "two",   "replaced", "new/credentials.json",
                                        "new",    ""};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        CHECK(remove(file(files[i], NULL)) == 0);
    return check_result();
}
