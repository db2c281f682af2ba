/* SPDX-License-Identifier: MIT */
#include "range_read.h"

#include <inttypes.h>

struct transfer {
    struct range_read *read;
    const struct http_response *response;
    bool begun;
    bool enough;   /* ended by us: what comes after the range is not wanted */
    uint64_t skip; /* bytes in front of what is wanted */
};

static int contradiction(struct error *error, int64_t found, uint64_t expected)
{
    return error_set(error, ERROR_SERVER,
                     "the storage has %" PRId64 " bytes where the server says %" PRIu64, found,
                     expected);
}

/* Whether the head of an answer is one to the question. */
static int check_head(struct transfer *transfer)
{
    struct range_read *read = transfer->read;
    const struct http_response *response = transfer->response;
    struct error *error = read->call->error;
    int64_t length = response->content_length;
    /* A cache that does not say what of the content it sends is none for contents. */
    if (read->relay && (response->status == 200 || response->range_total < 0))
        return error_set(error, ERROR_SERVER, "the content proxy %s does not send ranges",
                         read->relay->name);
    if (response->status == 200) {
        read->whole = true;
        if (length >= 0 && (uint64_t)length != read->file_size)
            return contradiction(error, length, read->file_size);
        if (read->offset > 0 && !read->accept_whole)
            return error_set(error, ERROR_SERVER, "the storage ignores that a range was asked for");
        transfer->skip = read->offset;
        return 0;
    }
    if (response->range_total >= 0 && (uint64_t)response->range_total != read->file_size)
        return contradiction(error, response->range_total, read->file_size);
    if (response->range_start < 0 || (uint64_t)response->range_start != read->offset)
        return error_set(error, ERROR_SERVER, "the storage sends another range than asked for");
    if (length >= 0 && (uint64_t)length > read->length)
        return contradiction(error, length, read->length);
    return 0;
}

static bool take_bytes(void *context, const char *bytes, size_t size)
{
    struct transfer *transfer = context;
    struct range_read *read = transfer->read;
    if (!transfer->begun && check_head(transfer) != 0)
        return false;
    transfer->begun = true;
    size_t skipped = transfer->skip < size ? (size_t)transfer->skip : size;
    transfer->skip -= skipped;
    bytes += skipped;
    size -= skipped;
    uint64_t left = read->length - read->delivered;
    size_t taken = size < left ? size : (size_t)left;
    if (taken > 0) {
        read->sink_refused = !read->sink(read->context, bytes, taken);
        if (read->sink_refused)
            return false;
        read->delivered += taken;
    }
    if (size == taken)
        return true;
    transfer->enough = read->whole && read->offset + read->length < read->file_size;
    if (!transfer->enough)
        contradiction(read->call->error, (int64_t)(read->delivered + size - taken), read->length);
    return false;
}

/* What an answer means that is neither 200 nor 206. */
static int refused(const struct range_read *read, struct error *error)
{
    enum error_kind kind = ERROR_SERVER;
    switch (read->status) {
    case 401:
        kind = ERROR_UNAUTHENTICATED;
        break;
    case 403:
        kind = ERROR_FORBIDDEN;
        break;
    case 404:
    case 410:
        kind = ERROR_NOT_FOUND;
        break;
    case 413:
        kind = ERROR_TOO_LARGE;
        break;
    default:
        break;
    }
    if (read->relay)
        error_set(error, kind, "the content proxy %s answers with status %d", read->relay->name,
                  read->status);
    else
        error_set(error, kind, "%s answers with status %d",
                  read->anonymous ? "the storage" : "the W&B host", read->status);
    error->status = read->status;
    return -1;
}

int range_read(struct range_read *read)
{
    cleanup_http_response struct http_response response;
    struct transfer transfer = {.read = read, .response = &response};
    const struct http_request request = {
        .url = read->url,
        .class = HTTP_DATA,
        .anonymous = read->anonymous,
        .repeatable = true,
        .relay = read->relay,
        .range = true,
        .offset = read->offset,
        .length = read->length,
        .ceiling = SIZE_MAX,
        .stall_ms = read->stall_ms,
        .sink = take_bytes,
        .context = &transfer,
    };
    struct error *error = read->call->error;
    int result = http_send(read->client, read->call, &request, &response);
    read->status = response.status;
    if (transfer.enough)
        error_clear(error); /* of ending the transfer */
    if (read->delivered == read->length && error->kind == ERROR_NONE)
        return 0;
    if (result != 0)
        return -1;
    if (read->status != 200 && read->status != 206)
        return refused(read, error);
    read->ended_early = true;
    return error_set(error, ERROR_SERVER, "the storage ends after %" PRIu64 " of %" PRIu64 " bytes",
                     read->delivered, read->length);
}
