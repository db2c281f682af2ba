/* SPDX-License-Identifier: MIT */
#include "status.h"

#include "base/clock.h"
#include "base/message.h"
#include "content/disk_cache.h"
#include "content/remote_file.h"
#include "content/remote_progress.h"
#include "inode/filesystem.h"
#include "passthrough.h"
#include "status_files.h"
#include "status_proxies.h"
#include "version.h"
#include "wait/request.h"

#include <inttypes.h>

enum { LAST_ERROR_SIZE = 1200 };

/* What a number is to Prometheus. */
enum number_kind { COUNTER, GAUGE };

struct writer {
    struct buf *text;
    enum status_format format;
    bool started; /* JSON: something stands in front, so a comma is due */
};

static void begin_member(struct writer *writer)
{
    buf_puts(writer->text, writer->started ? ",\n  " : "{\n  ");
    writer->started = true;
}

static void put_text(struct writer *writer, const char *name, const char *value)
{
    if (writer->format == STATUS_LINES || writer->format == STATUS_WATCH) {
        buf_printf(writer->text, "%s: ", name);
        message_append(writer->text, value);
        buf_putc(writer->text, '\n');
    } else if (writer->format == STATUS_JSON) {
        begin_member(writer);
        status_put_json(writer->text, name, value);
    }
}

static void put_number(struct writer *writer, const char *name, enum number_kind kind,
                       uint64_t value, const char *help)
{
    const char *ending = kind == COUNTER ? "_total" : "";
    switch (writer->format) {
    case STATUS_LINES:
        buf_printf(writer->text, "%s: %" PRIu64 "\n", name, value);
        break;
    case STATUS_JSON:
        begin_member(writer);
        buf_printf(writer->text, "\"%s\": %" PRIu64, name, value);
        break;
    case STATUS_METRICS:
        buf_printf(writer->text, "# HELP registryfs_%s%s %s\n# TYPE registryfs_%s%s %s\n", name,
                   ending, help, name, ending, kind == COUNTER ? "counter" : "gauge");
        buf_printf(writer->text, "registryfs_%s%s %" PRIu64 "\n", name, ending, value);
        break;
    case STATUS_WATCH:
        break;
    }
}

static void put_passed(struct writer *writer, const struct filesystem *fs)
{
    struct passthrough_figures passed;
    passthrough_read_figures(fs->passthrough, &passed);
    put_text(writer, "passthrough", passed.way);
    put_number(writer, "passed_files", GAUGE, passed.inodes,
               "Open files that the kernel reads itself from the disk.");
    put_number(writer, "passed_opens", COUNTER, passed.opens, "How often one was opened so.");
}

/* File contents: where they came from and what is kept of them. */
static void put_content(struct writer *writer, const struct filesystem *fs)
{
    struct remote_figures content = {0};
    struct disk_cache_figures disk = {.directory = ""};
    if (fs->remote_files)
        remote_read_figures(fs->remote_files, &content);
    if (fs->disk_cache)
        disk_cache_read_figures(fs->disk_cache, &disk);
    put_number(writer, "open_files", GAUGE, content.open, "Artifact files that are open.");
    put_number(writer, "transfers", GAUGE, content.streams, "Ranges of files being fetched.");
    put_number(writer, "content_memory", GAUGE, content.memory, "Bytes of memory for contents.");
    put_number(writer, "content_from_memory", COUNTER, content.from_memory,
               "Content bytes served from memory.");
    put_number(writer, "content_from_disk", COUNTER, content.from_disk,
               "Content bytes served from the disk cache.");
    put_number(writer, "content_from_network", COUNTER, content.from_network,
               "Content bytes fetched.");
    put_number(writer, "content_unchecked", GAUGE, content.unchecked,
               "Content bytes shown that are not known to fit their file's digest.");
    put_text(writer, "cache_directory", disk.directory);
    put_number(writer, "cache_limit", GAUGE, disk.limit, "Bytes that the disk cache may take.");
    put_number(writer, "cache_used", GAUGE, disk.used, "Bytes that it takes, as last counted.");
    put_number(writer, "cache_written", COUNTER, disk.written_bytes, "Bytes written to it.");
    put_number(writer, "cache_damaged", COUNTER, disk.damaged,
               "Blocks that did not fit their checksum.");
    put_text(writer, "cache_problem", disk.problem);
    put_passed(writer, fs);
}

static void put_proxies(struct writer *writer, const struct filesystem *fs)
{
    if (writer->format == STATUS_JSON) {
        begin_member(writer);
        buf_puts(writer->text, "\"content_proxies\": ");
    }
    status_put_proxies(writer->text, writer->format, fs->client);
}

/* At the end: whoever reads the figures by their lines finds them in their places. */
static void put_files(struct writer *writer, const struct filesystem *fs)
{
    struct remote_progress list[PROGRESS_MOST];
    unsigned under_way = 0;
    size_t count = fs->remote_files ? remote_list_progress(fs->remote_files, list, &under_way) : 0;
    put_number(writer, "files_under_way", GAUGE, under_way,
               "Artifact files that are being read and have not come whole.");
    if (writer->format == STATUS_JSON) {
        begin_member(writer);
        buf_puts(writer->text, "\"files\": ");
    }
    status_put_files(writer->text, writer->format, list, count);
}

static void put_figures(struct writer *writer, const struct filesystem *fs)
{
    struct client_figures figures;
    client_read_figures(fs->client, &figures);
    int64_t uptime = (clock_nanoseconds() - fs->mounted) / CLOCK_SECOND;
    put_text(writer, "version", REGISTRYFS_VERSION);
    put_text(writer, "base_url", client_base_url(fs->client));
    bool known = fs->viewer && fs->viewer->username.bytes; /* with --resolved nobody has asked */
    put_text(writer, "viewer", known ? fs->viewer->username.bytes : "");
    put_number(writer, "uptime", GAUGE, (uint64_t)uptime, "Seconds since the mount.");
    if (writer->format == STATUS_METRICS)
        put_number(writer, "server_up", GAUGE, !figures.server_down,
                   "0 while requests fail at once because the server does.");
    else
        put_text(writer, "server", figures.server_down ? "down" : "up");
    put_number(writer, "requests", COUNTER, figures.requests,
               "HTTP requests sent, retries included.");
    put_number(writer, "graphql_requests", COUNTER, figures.graphql_requests,
               "GraphQL requests sent.");
    put_number(writer, "bytes", COUNTER, figures.bytes_received, "Bytes received in bodies.");
    put_number(writer, "retries", COUNTER, figures.retries, "Requests that were sent again.");
    put_number(writer, "failures", COUNTER, figures.failures, "Requests that ended in an error.");
    put_number(writer, "cached_objects", GAUGE, fs->nodes.count, "Objects held in memory.");
    put_number(writer, "waiting_requests", GAUGE, requests_parked(fs->requests),
               "Kernel requests that wait for the server.");
    put_content(writer, fs);
    put_proxies(writer, fs);
    char last[LAST_ERROR_SIZE];
    journal_last(fs->journal, last, sizeof last);
    put_text(writer, "last_error", last);
}

bool status_render(struct filesystem *fs, enum status_format format, const char *state,
                   const char *reason, struct buf *text)
{
    struct writer writer = {.text = text, .format = format};
    if (state) {
        put_text(&writer, "state", state);
        put_text(&writer, "reason", reason);
    }
    if (format != STATUS_WATCH)
        put_figures(&writer, fs);
    put_files(&writer, fs);
    if (format == STATUS_JSON)
        buf_puts(text, "\n}\n");
    return !text->failed;
}

bool render_status(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text)
{
    (void)member;
    (void)object;
    return status_render(fs, STATUS_LINES, NULL, NULL, text);
}

bool render_metrics(struct filesystem *fs, const struct member *member, const void *object,
                    struct buf *text)
{
    (void)member;
    (void)object;
    return status_render(fs, STATUS_METRICS, NULL, NULL, text);
}

bool render_errors(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text)
{
    (void)member;
    (void)object;
    journal_render(fs->journal, text);
    return !text->failed;
}
