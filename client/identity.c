/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include "authorization.h"
#include "base/secrets.h"
#include "http.h"
#include "internal.h"
#include "json_memory.h"
#include "local_file.h"

enum {
    ANSWER_CEILING = 256 * 1024,
    FILE_CEILING = 1024 * 1024,
    RENEW_BEFORE_S = 300,
    LONGEST_LIFE_S = 10 * 365 * 24 * 3600,
};

static const char DEFAULT_CREDENTIALS_FILE[] = "~/.config/wandb/credentials.json";
static const char DATE_FORMAT[] = "%Y-%m-%d %H:%M:%S"; /* UTC */

void identity_token_release(struct identity_token *token)
{
    secret_free(token->text);
    *token = (struct identity_token){0};
}

static void json_release(json_t **json)
{
    json_decref(*json);
}

#define cleanup_json cleanup(json_release)

/* jansson leaves its texts in freed memory. */
static void wipe_string(const json_t *string)
{
    if (json_is_string(string))
        explicit_bzero((char *)(uintptr_t)json_string_value(string), json_string_length(string));
}

/* A copy of a token that is fit for a header, else NULL. */
static char *copy_token(const json_t *string)
{
    struct error ignored = {0};
    if (!json_is_string(string) ||
        api_key_check(json_string_value(string), json_string_length(string), "", &ignored) != 0)
        return NULL;
    return strdup(json_string_value(string));
}

int identity_parse_answer(const char *text, size_t size, int64_t now, struct identity_token *token,
                          struct error *error)
{
    cleanup_json json_t *answer = json_load(text, size, 0, NULL);
    const json_t *access = json_object_get(answer, "access_token");
    const json_t *life = json_object_get(answer, "expires_in");
    double stated_life = json_number_value(life);
    token->text = copy_token(access);
    wipe_string(access);
    if (!token->text || stated_life < 1)
        return error_set(error, ERROR_SERVER,
                         "the server's answer to the identity token is not understood");
    /* Limited before it is converted: a number may be too large for any integer. */
    int64_t seconds = (int64_t)(stated_life < LONGEST_LIFE_S ? stated_life : LONGEST_LIFE_S);
    token->expires_at = now + seconds;
    /* One that is short-lived from the start must not be renewed with every request. */
    token->renew_at =
        token->expires_at - (seconds > 2 * RENEW_BEFORE_S ? RENEW_BEFORE_S : seconds / 2);
    return 0;
}

bool identity_cache_find(const char *text, size_t size, const char *base_url, int64_t now,
                         struct identity_token *token)
{
    cleanup_json json_t *file = json_load(text, size, 0, NULL);
    const json_t *entry = json_object_get(json_object_get(file, "credentials"), base_url);
    const char *date = json_string_value(json_object_get(entry, "expires_at"));
    struct tm parts = {0};
    const char *rest = date ? strptime(date, DATE_FORMAT, &parts) : NULL;
    if (!rest || *rest)
        return false;
    token->expires_at = timegm(&parts);
    token->renew_at = token->expires_at - RENEW_BEFORE_S;
    if (token->renew_at > now)
        token->text = copy_token(json_object_get(entry, "access_token"));
    wipe_string(json_object_get(entry, "access_token"));
    return token->text != NULL;
}

char *identity_cache_update(const char *text, size_t size, const char *base_url,
                            const struct identity_token *token)
{
    char date[32] = "";
    struct tm parts;
    time_t expires_at = (time_t)token->expires_at;
    gmtime_r(&expires_at, &parts);
    strftime(date, sizeof date, DATE_FORMAT, &parts);
    cleanup_json json_t *file = json_load(text, size, 0, NULL);
    if (!json_is_object(file)) {
        json_decref(file);
        file = json_object();
    }
    if (!json_is_object(json_object_get(file, "credentials")))
        json_object_set_new(file, "credentials", json_object());
    json_t *entry = json_pack("{s:s, s:s}", "access_token", token->text, "expires_at", date);
    if (json_object_set_new(json_object_get(file, "credentials"), base_url, entry) != 0)
        return NULL;
    return json_to_text(file, JSON_INDENT(2));
}

static char *credentials_path(const struct client *client)
{
    const char *named = client->settings.credentials_file;
    return path_expand_home(named ? named : DEFAULT_CREDENTIALS_FILE);
}

static bool find_cached(struct client *client, struct identity_token *token)
{
    cleanup_free char *path = credentials_path(client);
    cleanup_secret_buf struct buf content;
    struct error ignored = {0}; /* the server gives a new one */
    buf_init(&content, FILE_CEILING);
    return path && local_file_read(path, &content, &ignored) == LOCAL_FILE_READ &&
           identity_cache_find(content.data, content.size, client->base_url.text, time(NULL),
                               token);
}

static void store(struct client *client, const struct identity_token *token)
{
    cleanup_free char *path = credentials_path(client);
    cleanup_secret_buf struct buf content;
    struct error error = {0};
    buf_init(&content, FILE_CEILING);
    if (!path)
        return;
    enum local_file found = local_file_read(path, &content, &error);
    if (found != LOCAL_FILE_FAILED) {
        cleanup_secret char *text =
            identity_cache_update(found == LOCAL_FILE_READ ? content.data : "", content.size,
                                  client->base_url.text, token);
        if (text)
            local_file_replace(path, text, strlen(text), &error);
    }
    if (error.kind != ERROR_NONE)
        client_log(client, CLIENT_LOG_WARNING, "the access token is not kept: %s", error.message);
}

/* The trimmed text of the identity token file, percent-encoded for a form. */
static char *read_assertion(struct client *client, struct error *error)
{
    const char *path = client->settings.identity_token_file;
    cleanup_secret_buf struct buf content;
    static const char blanks[] = " \t\r\n";
    buf_init(&content, ANSWER_CEILING);
    enum local_file found = local_file_read(path, &content, error);
    if (found == LOCAL_FILE_ABSENT)
        error_set(error, ERROR_LOCAL, "the identity token file %s does not exist", path);
    if (found != LOCAL_FILE_READ)
        return NULL;
    const char *start = content.data + strspn(content.data, blanks);
    size_t size = content.size - (size_t)(start - content.data);
    while (size > 0 && strchr(blanks, start[size - 1]))
        size--;
    if (size == 0) {
        error_set(error, ERROR_LOCAL, "the identity token file %s is empty", path);
        return NULL;
    }
    char *encoded = curl_easy_escape(NULL, start, (int)size);
    if (!encoded)
        error_set(error, ERROR_LOCAL, "no memory");
    return encoded;
}

int identity_check(struct client *client, struct error *error)
{
    cleanup_secret char *assertion = read_assertion(client, error);
    return assertion ? 0 : -1;
}

/* The words of a refusal: {"error": …, "error_description": …}, or nothing. */
static int refused(const struct http_response *response, struct error *error)
{
    cleanup_json json_t *answer =
        json_load(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
    const char *code = json_string_value(json_object_get(answer, "error"));
    const char *words = json_string_value(json_object_get(answer, "error_description"));
    enum error_kind kind = response->status >= 500 ? ERROR_SERVER : ERROR_UNAUTHENTICATED;
    error_set(error, kind, "the server refuses the identity token: %.100s %.200s (status %d)",
              code ? code : "", words ? words : "", response->status);
    error->status = response->status;
    return -1;
}

static int send_assertion(struct client *client, struct call *call, const char *assertion,
                          struct identity_token *token)
{
    cleanup_secret char *body = NULL;
    cleanup_free char *url = NULL;
    if (asprintf(&url, "%s/oidc/token", client->base_url.text) < 0) {
        url = NULL;
        return error_set(call->error, ERROR_LOCAL, "no memory");
    }
    if (asprintf(&body,
                 "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer"
                 "&assertion=%s",
                 assertion) < 0) {
        body = NULL;
        return error_set(call->error, ERROR_LOCAL, "no memory");
    }
    struct http_request request = {
        .url = url,
        .body = body,
        .content_type = "application/x-www-form-urlencoded",
        .class = HTTP_METADATA,
        .anonymous = true,
        .repeatable = true,
        .ceiling = ANSWER_CEILING,
    };
    struct http_response response;
    int result = http_send(client, call, &request, &response);
    if (result == 0 && response.status != 200)
        result = refused(&response, call->error);
    else if (result == 0)
        result = identity_parse_answer(response.body.data ? response.body.data : "",
                                       response.body.size, time(NULL), token, call->error);
    secret_release(&response.body);
    return result;
}

static int exchange(struct client *client, struct call *call, struct identity_token *token)
{
    cleanup_secret char *assertion = read_assertion(client, call->error);
    if (!assertion)
        return -1;
    secrets_remember(assertion, strlen(assertion)); /* the server may repeat it */
    int result = send_assertion(client, call, assertion, token);
    secrets_forget(assertion, strlen(assertion));
    return result;
}

int identity_fetch(struct client *client, struct call *call, bool use_cache,
                   struct identity_token *token)
{
    if (use_cache && find_cached(client, token))
        return 0;
    if (exchange(client, call, token) != 0)
        return -1;
    store(client, token);
    return 0;
}
