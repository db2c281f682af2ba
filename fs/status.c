/* SPDX-License-Identifier: MIT */
#include "status.h"

#include "base/clock.h"
#include "filesystem.h"
#include "version.h"

#include <inttypes.h>

enum { LAST_ERROR_SIZE = 1200 };

/* One `key: value` a line: scripts read it. */
bool render_status(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text)
{
    (void)member;
    (void)object;
    struct client_figures figures;
    client_read_figures(fs->client, &figures);
    char last[LAST_ERROR_SIZE];
    journal_last(fs->journal, last, sizeof last);
    buf_printf(text, "version: %s\n", REGISTRYFS_VERSION);
    buf_printf(text, "base_url: %s\n", client_base_url(fs->client));
    buf_printf(text, "viewer: %s\n", fs->viewer->username.bytes ? fs->viewer->username.bytes : "");
    buf_printf(text, "uptime: %" PRId64 "\n", (clock_nanoseconds() - fs->mounted) / 1000000000);
    buf_printf(text, "server: %s\n", figures.server_down ? "down" : "up");
    buf_printf(text, "requests: %" PRIu64 "\n", figures.requests);
    buf_printf(text, "graphql_requests: %" PRIu64 "\n", figures.graphql_requests);
    buf_printf(text, "bytes: %" PRIu64 "\n", figures.bytes_received);
    buf_printf(text, "retries: %" PRIu64 "\n", figures.retries);
    buf_printf(text, "failures: %" PRIu64 "\n", figures.failures);
    buf_printf(text, "cached_objects: %zu\n", fs->nodes.count);
    buf_printf(text, "waiting_requests: %u\n", requests_parked(fs->requests));
    return buf_printf(text, "last_error: %s\n", last);
}

bool render_errors(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text)
{
    (void)member;
    (void)object;
    journal_render(fs->journal, text);
    return !text->failed;
}
