/* SPDX-License-Identifier: MIT */
#include "graphql_answer.h"

#include "json_reader.h"
#include "json_text.h"

enum {
    WORDS_CEILING = 16 << 10, /* of all messages together */
    EXCERPT_SIZE = 200,       /* of a plain text body */
};

/* What an error's own words or code say, looked for when the status does not. */
static const struct {
    const char *words;
    enum error_kind kind;
} known_words[] = {
    {"not logged in", ERROR_UNAUTHENTICATED}, {"unauthenticated", ERROR_UNAUTHENTICATED},
    {"unauthorized", ERROR_UNAUTHENTICATED},  {"relogin required", ERROR_UNAUTHENTICATED},
    {"permission denied", ERROR_FORBIDDEN},   {"permission_error", ERROR_FORBIDDEN},
    {"forbidden", ERROR_FORBIDDEN},           {"rate limit exceeded", ERROR_BUSY},
    {"already exists", ERROR_EXISTS},         {"not found", ERROR_NOT_FOUND},
};

/* Texts of validation: the document is not what the server's schema allows. */
static const char *const validation_words[] = {
    "Cannot query field",     "Unknown argument",          "Unknown type",
    "Unknown fragment",       "Unknown directive",         "Syntax Error",
    "is not defined by type", "GRAPHQL_VALIDATION_FAILED", "must have a selection of subfields",
};

/* The errors of one answer while they are collected. */
struct errors {
    struct buf words; /* the messages, joined by "; " */
    struct buf codes;
    uint64_t refused_words;
    bool any;
    bool validation;
};

static enum error_kind kind_of_words(const char *words)
{
    for (size_t i = 0; words && i < sizeof known_words / sizeof *known_words; i++) {
        if (strcasestr(words, known_words[i].words))
            return known_words[i].kind;
    }
    return ERROR_NONE;
}

static void collect(struct errors *errors, const json_t *error)
{
    struct text message =
        json_text_of(json_is_string(error) ? error : json_at(error, "message", NULL));
    struct text code = json_text_of(json_at(error, "extensions", "code", NULL));
    errors->any = true;
    if (code.bytes)
        buf_printf(&errors->codes, "%s ", code.bytes);
    if (message.size == 0)
        return;
    if (errors->words.size)
        buf_puts(&errors->words, "; ");
    buf_append(&errors->words, message.bytes, strlen(message.bytes));
    errors->refused_words |= documents_words_refused(message.bytes);
    for (size_t i = 0; i < sizeof validation_words / sizeof *validation_words; i++)
        errors->validation |= strstr(message.bytes, validation_words[i]) != NULL;
    errors->validation |= code.bytes && strcmp(code.bytes, "GRAPHQL_VALIDATION_FAILED") == 0;
}

/* All shapes of protocol 2.3. An empty list of errors is none. */
static void collect_all(struct errors *errors, const json_t *root)
{
    const json_t *list = json_at(root, "errors", NULL);
    const json_t *single = json_at(root, "error", NULL);
    const json_t *error;
    size_t index;
    if (list && !json_is_array(list))
        collect(errors, list);
    json_array_foreach(list, index, error)
    {
        collect(errors, error);
    }
    if (single)
        collect(errors, single);
}

static enum error_kind kind_of_status(int status, bool mutation)
{
    switch (status) {
    case 400:
    case 422:
        return mutation ? ERROR_INVALID : ERROR_SERVER;
    case 401:
        return ERROR_UNAUTHENTICATED;
    case 403:
        return ERROR_FORBIDDEN;
    case 404:
    case 410:
        return ERROR_NOT_FOUND;
    case 409:
        return ERROR_EXISTS;
    case 413:
        return ERROR_TOO_LARGE;
    case 429:
        return ERROR_BUSY;
    default:
        return ERROR_SERVER;
    }
}

/* What the user can do about it; for kinds whose words do not say. */
static const char *advice(enum error_kind kind)
{
    if (kind == ERROR_UNAUTHENTICATED)
        return " (check the API key: WANDB_API_KEY, netrc or --api-key-file)";
    if (kind == ERROR_TOO_LARGE)
        return " (send less)";
    return "";
}

static int fail(const struct graphql_document *document, int status, const struct errors *errors,
                bool has_data, struct error *error)
{
    enum error_kind kind = kind_of_status(status, document->mutation);
    if (status < 400) {
        enum error_kind told = kind_of_words(errors->words.data);
        if (told == ERROR_NONE)
            told = kind_of_words(errors->codes.data);
        if (told != ERROR_NONE)
            kind = told;
    }
    if (errors->validation)
        kind = ERROR_SERVER;
    error_set(error, kind, "%s%s",
              errors->words.size ? errors->words.data : "the server reports an error without words",
              advice(kind));
    error->status = status;
    error->invalid_query = errors->validation;
    error->refused = true;
    error->maybe_applied = document->mutation && has_data;
    return -1;
}

static bool is_json(const char *content_type)
{
    return content_type[0] == '\0' || strcasestr(content_type, "json") != NULL;
}

/* An answer without a usable JSON body: the status and, if it is short and plain, the text. */
static int fail_without_json(const struct graphql_document *document,
                             const struct http_response *response, const char *problem,
                             struct error *error)
{
    int status = response->status;
    const char *type = response->content_type;
    bool html = strcasestr(type, "html") != NULL;
    enum error_kind kind = kind_of_status(status, document->mutation);
    if (status < 400)
        error_set(error, ERROR_SERVER,
                  "unreadable answer of the server (%s%s): is the base URL right, is there a proxy "
                  "in between?",
                  is_json(type) ? "bad JSON: " : "not JSON but ", is_json(type) ? problem : type);
    else if (status == 404 && html)
        error_set(error, ERROR_SERVER,
                  "the server answered 404 with a web page: there is no W&B "
                  "API at the base URL; check WANDB_BASE_URL or --base-url");
    else if (html && status == 403)
        error_set(error, kind,
                  "the server answered HTTP 403 with a web page: something in front of the API (a "
                  "proxy, a firewall, a sign-in page) refuses us; check the network or VPN, the "
                  "proxy and WANDB_BASE_URL");
    else if (html || response->body.size == 0)
        error_set(error, kind, "the server answered HTTP %d%s%s", status,
                  html ? " with a web page" : "", advice(kind));
    else
        error_set(error, kind, "the server answered HTTP %d: %.*s%s", status, EXCERPT_SIZE,
                  response->body.data, advice(kind));
    error->status = status;
    error->maybe_applied = document->mutation && (status < 400 || status >= 500);
    return -1;
}

static int judge_json(const struct graphql_document *document, const struct http_response *response,
                      const json_t *root, struct error *error, struct graphql_judgement *judgement)
{
    struct errors errors = {0};
    buf_init(&errors.words, WORDS_CEILING);
    buf_init(&errors.codes, WORDS_CEILING);
    collect_all(&errors, root);
    json_t *data = json_object_get(root, "data");
    if (json_is_object(data))
        judgement->data = json_incref(data);
    judgement->refused_words = errors.refused_words;
    int result = 0;
    if (errors.any) {
        bool has_data = false;
        const char *member;
        json_t *value;
        json_object_foreach(judgement->data, member, value)
        {
            has_data |= !json_is_null(value);
        }
        result = fail(document, response->status, &errors, has_data, error);
    } else if (response->status >= 300 || !judgement->data) {
        result = response->status >= 300
                     ? fail_without_json(document, response, "", error)
                     : error_set(error, ERROR_SERVER, "the server answered without data");
        error->status = response->status;
        error->maybe_applied |= document->mutation && response->status < 300;
    }
    buf_release(&errors.words);
    buf_release(&errors.codes);
    return result;
}

int graphql_judge(const struct graphql_document *document, struct http_response *response,
                  size_t memory, struct error *error, struct graphql_judgement *judgement)
{
    char problem[160] = "";
    *judgement = (struct graphql_judgement){0};
    if (response->status < 300 && !is_json(response->content_type))
        return fail_without_json(document, response, problem, error);
    cleanup_json json_t *root = json_parse(&response->body, memory, problem, sizeof problem);
    if (root && !json_is_object(root))
        snprintf(problem, sizeof problem, "not an object");
    if (!json_is_object(root))
        return fail_without_json(document, response, problem, error);
    return judge_json(document, response, root, error, judgement);
}
