/* SPDX-License-Identifier: MIT */
#include "supply.h"

#include "answer/read_content.h"

#include <fcntl.h>

struct supply {
    struct file_source *source;
    int partial; /* its own; -1: none */
    _Atomic uint64_t earlier;
    _Atomic uint64_t *fetched;
    atomic_bool *spoilt;
};

struct tap {
    struct supply *supply;
    remote_sink *sink;
    void *context;
};

static bool count_bytes(void *context, const char *bytes, size_t size)
{
    const struct tap *tap = context;
    atomic_fetch_add(tap->supply->fetched, size);
    return tap->sink(tap->context, bytes, size);
}

/* What an earlier run has left, up to `length` bytes; returns how many were delivered. */
static uint64_t deliver_earlier(const struct supply *supply, uint64_t offset, uint64_t length,
                                remote_sink *sink, void *context)
{
    char buffer[64 << 10];
    uint64_t earlier = atomic_load(&supply->earlier), done = 0;
    while (done < length && offset + done < earlier) {
        uint64_t left = earlier - offset - done;
        size_t size = left < sizeof buffer ? (size_t)left : sizeof buffer;
        if (size > length - done)
            size = (size_t)(length - done);
        ssize_t got = pread(supply->partial, buffer, size, (off_t)(offset + done));
        if (got <= 0 || !sink(context, buffer, (size_t)got))
            break;
        done += (uint64_t)got;
    }
    return done;
}

static int fetch(void *context, struct call *call, uint64_t offset, uint64_t length,
                 remote_sink *sink, void *sink_context)
{
    struct supply *supply = context;
    struct tap tap = {supply, sink, sink_context};
    uint64_t done = deliver_earlier(supply, offset, length, sink, sink_context);
    return done == length ? 0
                          : file_source_read(supply->source, call, offset + done, length - done,
                                             count_bytes, &tap);
}

static void note_mismatch(void *context, bool final)
{
    struct supply *supply = context;
    (void) final;
    /* Else it may be what an earlier run has left. */
    if (atomic_exchange(&supply->earlier, 0) == 0)
        file_source_distrust(supply->source);
    atomic_store(supply->spoilt, true);
}

static void drop_pages(void *context, const struct remote_range *ranges, size_t count, bool wait)
{
    (void)context, (void)ranges, (void)count, (void)wait; /* the kernel has none */
}

static void release(void *context)
{
    struct supply *supply = context;
    file_source_free(supply->source);
    if (supply->partial >= 0)
        close(supply->partial);
    free(supply);
}

static struct supply *supply_new(const struct supply_config *config, struct error *error)
{
    struct supply *supply = calloc(1, sizeof *supply);
    if (!supply) {
        error_set(error, ERROR_LOCAL, "out of memory");
        return NULL;
    }
    *supply = (struct supply){.fetched = config->fetched, .spoilt = config->spoilt};
    if (file_source_new(config->fs->client, config->version, config->file, error,
                        &supply->source) != 0) {
        free(supply);
        return NULL;
    }
    supply->partial = config->partial >= 0 ? fcntl(config->partial, F_DUPFD_CLOEXEC, 0) : -1;
    atomic_store(&supply->earlier, supply->partial >= 0 ? config->earlier : 0);
    return supply;
}

struct remote_reader *supply_open(const struct supply_config *config, struct error *error)
{
    struct supply *supply = supply_new(config, error);
    if (!supply)
        return NULL;
    const struct remote_source source = {
        .context = supply,
        .size = file_source_size(supply->source),
        .md5 = file_source_md5(supply->source),
        .alignment = client_content_alignment(config->fs->client),
        .ways = client_content_ways(config->fs->client),
        .fetch = fetch,
        .mismatch = note_mismatch,
        .drop_pages = drop_pages,
        .release = release,
    };
    if (!source.md5 || !read_file_has_true_size(supply->source)) {
        error_set(error, ERROR_SERVER, "the server gives no digest that fits its size");
        release(supply);
        return NULL;
    }
    struct remote_reader *reader = remote_open(config->fs->remote_files, config->key, &source);
    if (!reader)
        error_set(error, ERROR_LOCAL, "out of memory");
    return reader;
}
