/* SPDX-License-Identifier: MIT */
#include "file_source.h"

#include "base/clock.h"
#include "content_proxy.h"
#include "file_lookup.h"
#include "file_url.h"
#include "internal.h"
#include "json_reader.h"
#include "manifest_fetch.h"
#include "range_read.h"

enum {
    MOST_TRIES = 4,    /* without a byte of progress */
    MOST_DENIALS = 2,  /* of answers that contradict what the server says of the file */
    MOST_RENEWALS = 2, /* of the URL, likewise */
    PATIENCE_MS = 45000,
    SILENCE_MS = 15000, /* that transfers may be quiet for, in all, before the read fails */
    FIRST_SILENCE_MS = 5000,
    FIRST_PAUSE_MS = 200,
    WAIT_SLICE_MS = 50,
    URL_CEILING = 64 << 10,
    MUCH = 64 << 10, /* bytes that are progress although the connection broke */
};

/* --- life --- */

int file_source_new(struct client *client, const struct version *version,
                    const struct artifact_file *file, struct error *error,
                    struct file_source **created)
{
    if (!file->stored)
        return error_set(error, ERROR_REMOTE, "the file is a reference to %.300s",
                         text_or_empty(file->reference));
    if (file->size < 0)
        return error_set(error, ERROR_SERVER, "the server's size of this file cannot be true");
    struct file_source *source = calloc(1, sizeof *source);
    if (!source)
        return error_set(error, ERROR_LOCAL, "out of memory");
    pthread_mutex_init(&source->lock, NULL);
    clock_condition(&source->changed);
    source->client = client;
    source->version = object_ref(version);
    source->file = object_ref(file);
    source->url = file->url.bytes ? strdup(file->url.bytes) : NULL;
    if (client->content_proxies && file->has_md5)
        source->suffix =
            wrong_contents_suffix(content_proxies_wrong(client->content_proxies), file->md5,
                                  (uint64_t)file->size, clock_milliseconds());
    *created = source;
    return 0;
}

void file_source_free(struct file_source *source)
{
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    object_unref(source->version);
    object_unref(source->file);
    free(source->url);
    free(source);
}

uint64_t file_source_size(const struct file_source *source)
{
    return (uint64_t)source->file->size;
}

const unsigned char *file_source_md5(const struct file_source *source)
{
    return source->file->has_md5 ? source->file->md5 : NULL;
}

/* --- URLs --- */

static int ask_for_file(struct file_source *source, struct call *call, struct artifact_file **found)
{
    const struct version *version = source->version;
    const struct artifact_file *file = source->file;
    if (!file->stored_in.bytes)
        return client_get_file(source->client, call, version, file->path, found);
    struct text artifact = file->stored_in, path = artifact;
    artifact.size = (size_t)((const char *)memchr(path.bytes, '\n', path.size) - path.bytes);
    path.bytes += artifact.size + 1;
    path.size -= artifact.size + 1;
    if (file_lookup(source->client, call, version, artifact, ROUTE_ARTIFACT, path, found) != 0)
        return -1;
    return *found ? 0 : error_set(call->error, ERROR_NOT_FOUND, "the file is gone");
}

/* Waits while another thread renews the URL. False: interrupted. Called and left with the lock. */
static bool wait_for_renewal(struct file_source *source, const struct call *call)
{
    while (source->renewing) {
        struct timespec until =
            clock_timespec(clock_nanoseconds() + WAIT_SLICE_MS * CLOCK_MILLISECOND);
        pthread_cond_timedwait(&source->changed, &source->lock, &until);
        if (call_interrupted(source->client, call))
            return false;
    }
    return true;
}

int file_source_renew(struct file_source *source, struct call *call, unsigned seen)
{
    cleanup_object struct artifact_file *file = NULL;
    pthread_mutex_lock(&source->lock);
    bool waited = wait_for_renewal(source, call);
    bool needed = waited && source->renewals == seen;
    source->renewing = source->renewing || needed;
    pthread_mutex_unlock(&source->lock);
    if (!waited)
        return -1;
    if (!needed)
        return 0;
    int result = ask_for_file(source, call, &file);
    char *url = result == 0 && file->stored && file->url.bytes ? strdup(file->url.bytes) : NULL;
    pthread_mutex_lock(&source->lock);
    source->renewing = false;
    if (url) {
        free(source->url);
        source->url = url;
        source->renewals++;
    }
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    if (url)
        return 0;
    return error_set(call->error, ERROR_NOT_FOUND, "the server has no URL for this file");
}

char *file_source_url(struct file_source *source, struct call *call, unsigned *seen)
{
    for (bool renewed = false;; renewed = true) {
        pthread_mutex_lock(&source->lock);
        char *url = !source->from_host && source->url ? strdup(source->url) : NULL;
        bool none = source->from_host;
        *seen = source->renewals;
        pthread_mutex_unlock(&source->lock);
        if (url || none || renewed)
            return url;
        if (file_source_renew(source, call, *seen) != 0) {
            if (call->error->kind == ERROR_NOT_FOUND)
                error_clear(call->error);
            return NULL;
        }
    }
}

/* The W&B host's own URL; malloc'ed, NULL with the error set when there is none. */
static char *host_url(struct file_source *source, struct call *call)
{
    struct client *client = source->client;
    const struct version *version = source->version;
    cleanup_manifest struct manifest *manifest = NULL;
    cleanup_buf struct buf url;
    buf_init(&url, URL_CEILING);
    if (source->file->stored_in.bytes || !source->file->has_md5) {
        error_set(call->error, ERROR_NOT_FOUND, "the W&B host has no address for this file");
        return NULL;
    }
    if (manifest_get(client, call, version->id, version, NULL, &manifest) != 0)
        return NULL;
    const struct artifact_file *entry = manifest_find(manifest, source->file->path);
    bool handler = features_have(&client->features,
                                 FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER) &&
                   !atomic_load(&client->lacks_download_handler);
    struct file_url parts = {
        .base = client_base_url(client),
        .layout_v2 = manifest->layout == MANIFEST_V2,
        .with_collection = handler,
        .with_artifact = features_have(&client->features,
                                       FEATURE_ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID),
        .region = manifest->region,
        .entity = version->entity,
        .project = version->registry,
        .collection = version->collection,
        .artifact = version->id,
        .birth = entry && entry->birth.bytes ? entry->birth : version->id,
        .path = source->file->path,
        .md5 = source->file->md5,
    };
    parts.with_collection = parts.with_collection || parts.with_artifact;
    if (!file_url_write(&parts, &url)) {
        error_set(call->error, ERROR_LOCAL, "out of memory");
        return NULL;
    }
    return buf_steal(&url);
}

/* --- reading --- */

/* One read with all its tries. */
struct reading {
    struct file_source *source;
    struct call *call;
    content_sink *sink;
    void *context;
    uint64_t offset; /* of what is still wanted */
    uint64_t length;

    int64_t last_progress; /* clock_milliseconds() */
    int64_t silent;        /* milliseconds spent in quiet transfers since */
    unsigned tries;        /* failed ones since, renewals not counted */
    unsigned renewals;     /* since */
    unsigned seen;         /* renewals of the URL that was tried last */
    bool from_host;        /* the last try went to the W&B host */
    bool accept_whole;
    bool progressed;   /* the last try brought bytes; the next one need not wait */
    bool prefer_host;  /* the storage does not answer just now, */
    bool host_failed;  /* … nor was the W&B host of use */
    char *storage_url; /* that was tried last, owned */
};

enum verdict { AGAIN, RENEW, ASK_HOST, ASK_HOST_FOR_NOW, GIVE_UP };

/* Whether the W&B host can be asked for this file's bytes. */
static bool has_host_address(const struct file_source *source)
{
    return source->file->has_md5 && !source->file->stored_in.bytes;
}

/* Whether the storage is to be passed over, because it did not answer lately. */
static bool passes_over(struct reading *reading, const char *url)
{
    if (reading->host_failed || !url || !has_host_address(reading->source))
        return false;
    return reading->prefer_host ||
           !storage_admit(&reading->source->client->storages, url, clock_milliseconds());
}

static void remember_url(struct reading *reading, const char *url)
{
    free(reading->storage_url);
    reading->storage_url = url ? strdup(url) : NULL;
}

/* The URL to try now; malloc'ed, NULL with the error set. */
static char *pick_url(struct reading *reading, struct call *call)
{
    struct file_source *source = reading->source;
    for (bool renewed = false;; renewed = true) {
        pthread_mutex_lock(&source->lock);
        reading->from_host = source->from_host;
        reading->seen = source->renewals;
        char *url = !source->from_host && source->url ? strdup(source->url) : NULL;
        pthread_mutex_unlock(&source->lock);
        if (url && passes_over(reading, url)) {
            free(steal(url));
            reading->prefer_host = reading->from_host = true;
        }
        if (url)
            return url;
        if (reading->from_host)
            return host_url(source, call);
        if (renewed || file_source_renew(source, call, reading->seen) != 0) {
            /* Old servers have no URL to give; their host serves the file. */
            if (call->error->kind != ERROR_NOT_FOUND && call->error->kind != ERROR_NONE)
                return NULL;
            error_clear(call->error);
            reading->from_host = true;
            return host_url(source, call);
        }
    }
}

static int try_once(struct reading *reading, struct call *call, int *status)
{
    struct file_source *source = reading->source;
    cleanup_free char *url = pick_url(reading, call);
    if (!url)
        return -1;
    int64_t quiet_left = SILENCE_MS - reading->silent;
    struct range_read read = {
        .client = source->client,
        .call = call,
        .url = url,
        .anonymous = !reading->from_host,
        .accept_whole = reading->accept_whole,
        .stall_ms = (int)(reading->silent == 0 ? FIRST_SILENCE_MS : quiet_left),
        .file_size = file_source_size(source),
        .offset = reading->offset,
        .length = reading->length,
        .sink = reading->sink,
        .context = reading->context,
    };
    int64_t started = clock_milliseconds();
    remember_url(reading, reading->from_host ? NULL : url);
    int result = range_read(&read);
    *status = read.status;
    reading->offset += read.delivered;
    reading->length -= read.delivered;
    reading->progressed =
        read.delivered > 0 && (read.ended_early || read.delivered >= MUCH) && !read.sink_refused;
    if (read.delivered > 0 && reading->storage_url)
        storage_worked(&source->client->storages, reading->storage_url);
    if (read.delivered > 0) {
        reading->last_progress = clock_milliseconds();
        reading->silent = reading->tries = reading->renewals = 0;
    } else if (call->error->kind == ERROR_TIMEOUT) {
        reading->silent += clock_milliseconds() - started;
    }
    /* What ignores a range once may do so by mistake; twice is its way. */
    reading->accept_whole |= read.whole;
    if (result == 0 && reading->from_host && !reading->prefer_host) {
        pthread_mutex_lock(&source->lock);
        source->from_host = true;
        pthread_mutex_unlock(&source->lock);
    }
    if (read.sink_refused)
        reading->tries = MOST_TRIES;
    return result;
}

/* Whether another try is of no use, whatever it would ask. */
static bool is_over(const struct reading *reading, const struct error *error)
{
    return error->kind == ERROR_INTERRUPTED || error->kind == ERROR_LOCAL || reading->length == 0 ||
           reading->tries >= MOST_TRIES || reading->silent >= SILENCE_MS ||
           clock_milliseconds() - reading->last_progress > PATIENCE_MS;
}

/* A status that says the request is at fault, and not a passing trouble of the server. */
static bool is_client_error(int status)
{
    return status >= 400 && status < 500 && status != 408 && status != 429;
}

/* Answers whose bytes contradict what the server says of the file, again and again. */
static bool is_denied(const struct reading *reading, const struct error *error, int status)
{
    return (status == 200 || status == 206) && error->kind == ERROR_SERVER &&
           reading->tries >= MOST_DENIALS;
}

/* Whether the storage does not answer just now: it cannot be reached or is silent, or nothing but
 * failures came of it. */
static bool is_out_of_order(const struct reading *reading, const struct error *error, int status)
{
    if (reading->from_host || reading->host_failed || !has_host_address(reading->source))
        return false;
    if (error->kind == ERROR_UNREACHABLE || error->kind == ERROR_TIMEOUT)
        return true;
    return reading->tries == MOST_TRIES - 1 && (status >= 500 || status == 0);
}

/* Whether the W&B host may have the file at the address that older servers have: once, where the
 * server does not say that it has the newer ones. */
static bool try_older_address(struct client *client)
{
    return !features_report(&client->features,
                            FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER) &&
           !features_have(&client->features,
                          FEATURE_ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID) &&
           !atomic_exchange(&client->lacks_download_handler, true);
}

/* After an answer of the W&B host. Who went there because the storage did not answer tries the
 * storage once more. */
static enum verdict judge_host(struct reading *reading, const struct error *error, int status)
{
    bool client_error = is_client_error(status);
    if (client_error && try_older_address(reading->source->client))
        return AGAIN;
    if (reading->prefer_host) {
        reading->prefer_host = false;
        reading->host_failed = true;
        return AGAIN;
    }
    reading->tries++;
    return client_error || is_denied(reading, error, status) || reading->tries >= MOST_TRIES
               ? GIVE_UP
               : AGAIN;
}

static enum verdict judge(struct reading *reading, const struct error *error, int status)
{
    bool client_error = is_client_error(status);
    unsigned renewals = status == 401 || status == 403 ? MOST_RENEWALS : 1;
    if (is_over(reading, error))
        return GIVE_UP;
    if (reading->progressed)
        return AGAIN;
    if (reading->from_host)
        return judge_host(reading, error, status);
    if (client_error && reading->renewals < renewals)
        return RENEW;
    reading->tries++;
    if (is_denied(reading, error, status))
        return GIVE_UP;
    if (client_error)
        return ASK_HOST;
    if (is_out_of_order(reading, error, status))
        return ASK_HOST_FOR_NOW;
    return reading->tries < MOST_TRIES ? AGAIN : GIVE_UP;
}

/* Does what the verdict says before the next try. False: the read is over. */
static bool prepare_retry(struct reading *reading, enum verdict verdict)
{
    struct file_source *source = reading->source;
    struct error error = {0};
    struct call call = {.cancelled = reading->call->cancelled, .error = &error};
    int64_t pause = (int64_t)FIRST_PAUSE_MS << reading->tries;
    if (verdict == GIVE_UP)
        return false;
    if (reading->progressed)
        return true;
    atomic_fetch_add(&source->client->retries, 1);
    if (verdict == RENEW && reading->renewals++ == 0) {
        /* If there is no new URL, the next try says so. */
        file_source_renew(source, &call, reading->seen);
        return error.kind != ERROR_INTERRUPTED;
    }
    if (verdict == ASK_HOST) {
        pthread_mutex_lock(&source->lock);
        source->from_host = true;
        pthread_mutex_unlock(&source->lock);
        return true;
    }
    if (verdict == ASK_HOST_FOR_NOW) {
        if (reading->storage_url)
            storage_failed(&source->client->storages, reading->storage_url, clock_milliseconds());
        reading->prefer_host = true;
        return true;
    }
    if (!call_sleep_until(source->client, &call, clock_milliseconds() + pause))
        return false;
    if (verdict == RENEW)
        file_source_renew(source, &call, reading->seen);
    return true;
}

int file_source_read_directly(struct file_source *source, struct call *call, uint64_t offset,
                              uint64_t length, content_sink *sink, void *context)
{
    struct reading reading = {
        .source = source,
        .call = call,
        .sink = sink,
        .context = context,
        .offset = offset,
        .length = length,
        .last_progress = clock_milliseconds(),
    };
    struct error first = {0};
    for (;;) {
        struct error error = {0};
        struct call limited = {.cancelled = call->cancelled, .error = &error};
        int status = 0;
        /* What is all here, and will be compared, need not end well. */
        if (try_once(&reading, &limited, &status) == 0 ||
            (reading.length == 0 && file_source_md5(source))) {
            free(reading.storage_url);
            return 0;
        }
        enum verdict verdict = judge(&reading, &error, status);
        /* What the storage said first tells more than what the way out of it met. */
        if (first.kind == ERROR_NONE || !reading.from_host)
            first = error;
        if (!prepare_retry(&reading, verdict)) {
            if (call->error->kind == ERROR_NONE)
                *call->error = error.kind == ERROR_INTERRUPTED ? error : first;
            free(reading.storage_url);
            return -1;
        }
    }
}
