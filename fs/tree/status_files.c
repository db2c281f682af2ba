/* SPDX-License-Identifier: MIT */
#include "status_files.h"

#include "base/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { AMOUNT_SIZE = 16 };

static const char *const source_names[] = {
    [FROM_NETWORK] = "network", [FROM_DISK] = "disk", [PASSED] = "passed"};

/* --- a line each, for programs and people --- */

static void put_line(struct buf *text, const struct remote_progress *file)
{
    if (file->source == PASSED)
        buf_printf(text, "file: %" PRIu64 " bytes", file->size);
    else
        buf_printf(text, "file: %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64 " bytes/s", file->bytes,
                   file->size, file->rate);
    if (file->finished)
        buf_puts(text, ", finished");
    else if (file->source != PASSED)
        buf_printf(text, ", %u streams", file->streams);
    buf_printf(text, ", %s: ", source_names[file->source]);
    message_append(text, file->path);
    buf_putc(text, '\n');
}

/* --- JSON --- */

static void put_object(struct buf *text, const struct remote_progress *file)
{
    buf_puts(text, "{");
    status_put_json(text, "path", file->path);
    buf_printf(text, ", \"size\": %" PRIu64, file->size);
    if (file->source == PASSED)
        buf_puts(text, ", \"bytes\": null, \"rate\": null");
    else
        buf_printf(text, ", \"bytes\": %" PRIu64 ", \"rate\": %" PRIu64, file->bytes, file->rate);
    buf_printf(text, ", \"streams\": %u, \"source\": \"%s\", \"finished\": %s}", file->streams,
               source_names[file->source], file->finished ? "true" : "false");
}

static void put_array(struct buf *text, const struct remote_progress *list, size_t count)
{
    buf_puts(text, "[");
    for (size_t i = 0; i < count; i++) {
        buf_puts(text, i ? ",\n    " : "\n    ");
        put_object(text, &list[i]);
    }
    buf_puts(text, count ? "\n  ]" : "]");
}

/* --- Prometheus --- */

static uint64_t size_of(const struct remote_progress *file)
{
    return file->size;
}

static uint64_t bytes_of(const struct remote_progress *file)
{
    return file->bytes;
}

static uint64_t rate_of(const struct remote_progress *file)
{
    return file->rate;
}

static uint64_t streams_of(const struct remote_progress *file)
{
    return file->streams;
}

static const struct {
    const char *name, *help;
    uint64_t (*value)(const struct remote_progress *file);
    bool of_passed; /* it is known of a file that the kernel reads itself */
} samples[] = {
    {"file_size", "Bytes of a file on its way.", size_of, true},
    {"file_bytes", "Bytes of it that have come.", bytes_of, false},
    {"file_rate", "Bytes that came in the last second.", rate_of, false},
    {"file_streams", "Ranges of it being fetched.", streams_of, true},
};

static void put_samples(struct buf *text, const struct remote_progress *list, size_t count)
{
    for (size_t row = 0; count && row < sizeof samples / sizeof samples[0]; row++) {
        buf_printf(text, "# HELP registryfs_%s %s\n# TYPE registryfs_%s gauge\n", samples[row].name,
                   samples[row].help, samples[row].name);
        for (size_t i = 0; i < count; i++) {
            if (list[i].source == PASSED && !samples[row].of_passed)
                continue;
            buf_printf(text, "registryfs_%s{path=", samples[row].name);
            status_put_quoted(text, list[i].path);
            buf_printf(text, ",source=\"%s\"} %" PRIu64 "\n", source_names[list[i].source],
                       samples[row].value(&list[i]));
        }
    }
}

/* --- a terminal --- */

/* 1234567 as "1.2 MB". */
static void write_amount(char text[AMOUNT_SIZE], uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    double value = (double)bytes;
    for (; value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1000;
    snprintf(text, AMOUNT_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* Share, size, rate, what it does, where from, path. */
static void put_row(struct buf *text, const struct remote_progress *file)
{
    char size[AMOUNT_SIZE], rate[AMOUNT_SIZE], share[AMOUNT_SIZE] = "-", doing[AMOUNT_SIZE] = "";
    write_amount(size, file->size);
    write_amount(rate, file->rate);
    if (file->source == PASSED)
        snprintf(rate, sizeof rate, "-  ");
    else if (file->size > 0)
        snprintf(share, sizeof share, "%d %%",
                 (int)((double)file->bytes / (double)file->size * 100));
    if (file->finished)
        snprintf(doing, sizeof doing, "finished");
    else if (file->source != PASSED)
        snprintf(doing, sizeof doing, "%u streams", file->streams);
    buf_printf(text, "%6s of %8s  %8s%s  %-10s  %-7s  ", share, size, rate,
               file->source == PASSED ? "  " : "/s", doing, source_names[file->source]);
    message_append(text, file->path);
    buf_putc(text, '\n');
}

void status_put_files(struct buf *text, enum status_format format,
                      const struct remote_progress *list, size_t count)
{
    switch (format) {
    case STATUS_LINES:
        for (size_t i = 0; i < count; i++)
            put_line(text, &list[i]);
        break;
    case STATUS_WATCH:
        buf_puts(text, count ? "" : "no file is on its way\n");
        for (size_t i = 0; i < count; i++)
            put_row(text, &list[i]);
        break;
    case STATUS_JSON:
        put_array(text, list, count);
        break;
    case STATUS_METRICS:
        put_samples(text, list, count);
        break;
    }
}
