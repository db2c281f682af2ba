/* SPDX-License-Identifier: MIT */
#include "status_proxies.h"

#include "base/message.h"

#include <inttypes.h>

static const char *state_of(const struct content_proxy_figures *member)
{
    return member->resting ? "resting" : "ready";
}

static void put_line(struct buf *text, const struct content_proxy_figures *member)
{
    buf_printf(text, "content_proxy: %s, %" PRIu64 " bytes, %" PRIu64 " errors: ", state_of(member),
               member->bytes, member->errors);
    message_append(text, member->name);
    buf_putc(text, '\n');
}

static void put_object(struct buf *text, const struct content_proxy_figures *member)
{
    buf_puts(text, "{");
    status_put_json(text, "member", member->name);
    buf_printf(text, ", \"state\": \"%s\", \"bytes\": %" PRIu64 ", \"errors\": %" PRIu64 "}",
               state_of(member), member->bytes, member->errors);
}

static uint64_t is_up(const struct content_proxy_figures *member)
{
    return !member->resting;
}

static uint64_t bytes_of(const struct content_proxy_figures *member)
{
    return member->bytes;
}

static uint64_t errors_of(const struct content_proxy_figures *member)
{
    return member->errors;
}

static const struct {
    const char *name, *kind, *help;
    uint64_t (*value)(const struct content_proxy_figures *member);
} samples[] = {
    {"content_proxy_up", "gauge", "0 while the content proxy rests because it failed.", is_up},
    {"content_proxy_bytes_total", "counter", "Content bytes that came from there.", bytes_of},
    {"content_proxy_errors_total", "counter", "Requests that it did not answer well.", errors_of},
};

static void put_samples(struct buf *text, const struct client *client)
{
    struct content_proxy_figures member;
    for (size_t row = 0; row < sizeof samples / sizeof samples[0]; row++) {
        for (size_t i = 0; client_read_content_proxy(client, i, &member); i++) {
            if (i == 0)
                buf_printf(text, "# HELP registryfs_%s %s\n# TYPE registryfs_%s %s\n",
                           samples[row].name, samples[row].help, samples[row].name,
                           samples[row].kind);
            buf_printf(text, "registryfs_%s{member=", samples[row].name);
            status_put_quoted(text, member.name);
            buf_printf(text, "} %" PRIu64 "\n", samples[row].value(&member));
        }
    }
}

void status_put_proxies(struct buf *text, enum status_format format, const struct client *client)
{
    struct content_proxy_figures member;
    if (format == STATUS_METRICS)
        put_samples(text, client);
    if (format == STATUS_JSON)
        buf_putc(text, '[');
    for (size_t i = 0; client_read_content_proxy(client, i, &member); i++) {
        if (format == STATUS_LINES)
            put_line(text, &member);
        if (format == STATUS_JSON) {
            buf_puts(text, i > 0 ? ",\n    " : "\n    ");
            put_object(text, &member);
        }
    }
    if (format == STATUS_JSON)
        buf_putc(text, ']');
}
