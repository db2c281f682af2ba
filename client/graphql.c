/* SPDX-License-Identifier: MIT */
#include "graphql.h"

#include "graphql_answer.h"
#include "http.h"
#include "internal.h"
#include "json_text.h"

enum {
    REQUEST_CEILING = 16 << 20,
    ANSWER_CEILING = 64 << 20,
    WITHOUT_FIELDS_MOST = 8, /* times one document is refused and shortened */
};

static bool write_body(const struct graphql_document *document, uint64_t missing, json_t *variables,
                       struct buf *body)
{
    cleanup_buf struct buf text;
    buf_init(&text, REQUEST_CEILING);
    if (!document_write(document, missing, &text))
        return false;
    cleanup_json json_t *root = json_pack("{s:s#, s:O, s:s}", "query", text.data, (int)text.size,
                                          "variables", variables, "operationName", document->name);
    return root && json_write(root, body);
}

static int exchange(struct client *client, struct call *call,
                    const struct graphql_document *document, const struct buf *body,
                    struct graphql_judgement *judgement)
{
    cleanup_free char *url = NULL;
    cleanup_http_response struct http_response response = {0};
    *judgement = (struct graphql_judgement){0};
    if (asprintf(&url, "%s/graphql", client->base_url.text) < 0) {
        url = NULL;
        return error_set(call->error, ERROR_LOCAL, "out of memory");
    }
    size_t memory = client_answer_memory(client);
    struct http_request request = {
        .url = url,
        .body = body->data,
        .content_type = "application/json",
        .class = HTTP_METADATA,
        .repeatable = !document->mutation,
        .ceiling = memory < ANSWER_CEILING ? memory : ANSWER_CEILING,
    };
    atomic_fetch_add(&client->graphql_requests, 1);
    int result = http_send(client, call, &request, &response);
    if (result == 0)
        result = graphql_judge(document, &response, memory, call->error, judgement);
    return result;
}

int graphql_execute_partial(struct client *client, struct call *call,
                            const struct graphql_document *document, json_t *variables,
                            json_t **data)
{
    cleanup_json json_t *owned = variables;
    cleanup_buf struct buf body;
    buf_init(&body, REQUEST_CEILING);
    *data = NULL;
    for (int attempt = 0;; attempt++) {
        struct graphql_judgement judgement;
        uint64_t missing = features_missing_words(&client->features);
        buf_clear(&body);
        if (!owned || !write_body(document, missing, owned, &body))
            return error_set(call->error, body.failed ? ERROR_TOO_LARGE : ERROR_LOCAL,
                             "the request %s is too large or there is no memory", document->name);
        int result = exchange(client, call, document, &body, &judgement);
        uint64_t unknown = judgement.refused_words & document_words(document) & ~missing;
        if (result == 0 || !call->error->invalid_query || !unknown || document->mutation ||
            attempt == WITHOUT_FIELDS_MOST) {
            *data = judgement.data;
            return result;
        }
        client_log(client, CLIENT_LOG_INFO, "%s: the server is older than this program: %s",
                   document->name, call->error->message);
        json_decref(judgement.data);
        features_add_missing_words(&client->features, unknown);
        error_clear(call->error);
    }
}

int graphql_execute(struct client *client, struct call *call,
                    const struct graphql_document *document, json_t *variables, json_t **data)
{
    json_t *found = NULL;
    int result = graphql_execute_partial(client, call, document, variables, &found);
    if (result == 0)
        *data = found;
    else
        json_decref(found);
    return result;
}
