/* SPDX-License-Identifier: MIT */
/* Reading a file through content proxies. */
#include "base/clock.h"
#include "content_proxy.h"
#include "file_source.h"
#include "internal.h"
#include "range_read.h"

#include <unistd.h>

enum {
    PATIENCE_MS = 45000, /* without HTTP_RELAY_PROGRESS bytes */
    /* Who waits while another one has a slice fetched gets his first byte when all of it has come.
     */
    SILENCE_MS = 20000,
    LEAST_SILENCE_MS = 1000, /* that a new URL was long in coming is not the member's fault */
    MOST_ROUNDS = 4,         /* through all members, without progress */
    LONGEST_WAIT_MS = 5000,  /* for a member that rests, when all do */
    WAIT_SLICE_MS = 100,     /* another thread may find out earlier that one is well again */
};

/* One read, up to where the next piece begins. */
struct reading {
    struct file_source *source;
    struct content_proxies *proxies;
    struct call *call;
    content_sink *sink;
    void *context;
    uint64_t offset; /* of what is still wanted */
    uint64_t length;
    char id[CONTENT_ID_SIZE];

    int64_t last_progress;
    uint64_t tried;     /* members, a bit each, in this round */
    unsigned rounds;    /* that have ended since the last progress */
    bool renewed;       /* the URL was, since then */
    bool over;          /* another try is of no use */
    struct error first; /* what the first member said since then */
};

/* Counts what comes straight from the storage. */
struct counting_sink {
    content_sink *sink;
    void *context;
    uint64_t bytes;
};

static bool count_bytes(void *context, const char *bytes, size_t size)
{
    struct counting_sink *counting = context;
    counting->bytes += size;
    return counting->sink(counting->context, bytes, size);
}

static int direct_member(const struct content_proxies *proxies)
{
    int member = 0;
    while (!content_proxies_is_direct(proxies, member))
        member++;
    return member;
}

static int read_directly(struct file_source *source, struct call *call, uint64_t offset,
                         uint64_t length, content_sink *sink, void *context)
{
    struct content_proxies *proxies = source->client->content_proxies;
    struct counting_sink counting = {.sink = sink, .context = context};
    int result = file_source_read_directly(source, call, offset, length, count_bytes, &counting);
    bool failed = result != 0 && call->error->kind != ERROR_INTERRUPTED;
    content_proxies_count(proxies, direct_member(proxies), counting.bytes, failed);
    return result;
}

/* What cannot be asked of a content proxy is read directly, or not at all. */
static int read_past(struct file_source *source, struct call *call, uint64_t offset,
                     uint64_t length, content_sink *sink, void *context, enum error_kind kind,
                     const char *why)
{
    if (content_proxies_have_direct(source->client->content_proxies))
        return read_directly(source, call, offset, length, sink, context);
    return error_set(call->error, kind,
                     "%s, so no content proxy is asked, and DIRECT is not among them", why);
}

/* Only signed URLs of other hosts go there, without a user's name and password. */
static bool is_for_proxies(const struct client *client, const char *url)
{
    enum url_place place = base_url_place(&client->base_url, url);
    const char *host = strstr(url, "://");
    return place == URL_ELSEWHERE && host && !memchr(host + 3, '@', strcspn(host + 3, "/?#"));
}

/* --- one try --- */

/* Makes the best of an answer that brought bytes, whether or not it was cut: what is here need not
 * be fetched again, but who brings little by little has not worked. */
static void note_progress(struct reading *reading, int member, const struct range_read *read)
{
    reading->offset += read->delivered;
    reading->length -= read->delivered;
    if (read->delivered < HTTP_RELAY_PROGRESS && reading->length > 0)
        return;
    reading->last_progress = clock_milliseconds();
    content_proxies_worked(reading->proxies, member);
    reading->tried = 0;
    reading->rounds = 0;
    reading->renewed = false;
    error_clear(&reading->first);
}

static bool denies_url(int status)
{
    return status == 401 || status == 403 || status == 404 || status == 410;
}

static void rest(struct reading *reading, int member, int64_t started, const struct error *error)
{
    uint32_t spread = 0;
    (void)getentropy(&spread, sizeof spread);
    int64_t length =
        content_proxies_failed(reading->proxies, member, started, clock_milliseconds(), spread);
    if (length > 0)
        client_log(reading->source->client, CLIENT_LOG_WARNING,
                   "%s; the content proxy %s is not asked for %.1f s", error->message,
                   content_proxies_name(reading->proxies, member), (double)length / 1000);
}

/* What a failed try means for the next one. */
static void judge(struct reading *reading, int member, const struct range_read *read,
                  int64_t started, unsigned seen)
{
    struct error error = *read->call->error;
    struct error renewal = {0};
    struct call call = {.cancelled = reading->call->cancelled, .error = &renewal};
    if (read->sink_refused || error.kind == ERROR_INTERRUPTED || error.kind == ERROR_LOCAL) {
        *reading->call->error = error;
        reading->over = true;
        return;
    }
    if (read->ended_early && read->delivered >= HTTP_RELAY_PROGRESS)
        return; /* less than was asked for is no fault */
    content_proxies_count(reading->proxies, member, 0, true);
    atomic_fetch_add(&reading->source->client->retries, 1);
    if (reading->first.kind == ERROR_NONE)
        reading->first = error;
    if (denies_url(read->status) && !reading->renewed) {
        reading->renewed = true;
        file_source_renew(reading->source, &call, seen);
        return;
    }
    reading->tried |= UINT64_C(1) << member;
    if (!denies_url(read->status))
        rest(reading, member, started, &error);
}

static int try_member(struct reading *reading, int member, const char *url, unsigned seen)
{
    struct error error = {0};
    struct call call = {.cancelled = reading->call->cancelled, .error = &error};
    struct http_relay relay;
    int64_t started = clock_milliseconds();
    int64_t left = reading->last_progress + PATIENCE_MS - started;
    struct range_read read = {
        .client = reading->source->client,
        .call = &call,
        .url = url,
        .anonymous = true,
        .relay = &relay,
        .stall_ms = (int)(left > SILENCE_MS         ? SILENCE_MS
                          : left > LEAST_SILENCE_MS ? left
                                                    : LEAST_SILENCE_MS),
        .file_size = file_source_size(reading->source),
        .offset = reading->offset,
        .length = reading->length,
        .sink = reading->sink,
        .context = reading->context,
    };
    int result = -1;
    if (content_proxies_relay(reading->proxies, member, url, reading->id, &relay))
        result = range_read(&read);
    else
        error_set(&error, ERROR_LOCAL, "out of memory");
    content_proxies_relay_release(&relay);
    content_proxies_count(reading->proxies, member, read.delivered, false);
    note_progress(reading, member, &read);
    if (result == 0)
        return 0;
    if (reading->length > 0) {
        judge(reading, member, &read, started, seen);
        return -1;
    }
    /* All is here, and will be compared: how the answer ended is the member's fault alone. */
    content_proxies_count(reading->proxies, member, 0, true);
    return 0;
}

/* --- all tries --- */

/* What to say when no member is left. */
static int give_up(const struct reading *reading, enum error_kind kind, const char *why)
{
    if (reading->first.kind != ERROR_NONE)
        *reading->call->error = reading->first;
    return error_set(reading->call->error, kind, "%s", why);
}

/* No member can be asked before `wake`. */
static int await_member(struct reading *reading, int64_t wake)
{
    int64_t now = clock_milliseconds();
    if (wake == INT64_MAX)
        return give_up(reading, ERROR_UNREACHABLE, "no content proxy can be asked");
    reading->rounds += reading->tried != 0;
    reading->tried = 0;
    if (reading->rounds >= MOST_ROUNDS || wake - now > LONGEST_WAIT_MS)
        return give_up(reading, ERROR_UNREACHABLE,
                       "no content proxy works; they are asked again after a while");
    int64_t until = wake - now < WAIT_SLICE_MS ? wake : now + WAIT_SLICE_MS;
    return call_sleep_until(reading->source->client, reading->call, until) ? 0 : -1;
}

/* Asks the member that is to be asked now. 1: bytes are still missing, ask again. */
static int read_once(struct reading *reading)
{
    struct file_source *source = reading->source;
    struct call *call = reading->call;
    int64_t wake, now = clock_milliseconds();
    unsigned seen;
    if (call_interrupted(source->client, call))
        return -1;
    if (now - reading->last_progress >= PATIENCE_MS)
        return give_up(reading, ERROR_TIMEOUT, "no content proxy answers in time");
    int member = content_proxies_choose(reading->proxies, reading->id, reading->offset,
                                        reading->tried, now, &wake);
    if (member < 0)
        return await_member(reading, wake) == 0 ? 1 : -1;
    if (content_proxies_is_direct(reading->proxies, member))
        return read_directly(source, call, reading->offset, reading->length, reading->sink,
                             reading->context);
    cleanup_free char *url = file_source_url(source, call, &seen);
    if (!url && call->error->kind != ERROR_NONE)
        return -1;
    if (!url || !is_for_proxies(source->client, url))
        return read_past(source, call, reading->offset, reading->length, reading->sink,
                         reading->context, ERROR_UNREACHABLE,
                         "the server has no signed URL of another host for this file");
    if (try_member(reading, member, url, seen) == 0)
        return 0;
    return reading->over ? -1 : 1;
}

/* Within one piece. */
static int read_piece(struct file_source *source, struct call *call, unsigned suffix,
                      uint64_t offset, uint64_t length, content_sink *sink, void *context)
{
    struct reading reading = {
        .source = source,
        .proxies = source->client->content_proxies,
        .call = call,
        .sink = sink,
        .context = context,
        .offset = offset,
        .length = length,
        .last_progress = clock_milliseconds(),
    };
    int result;
    content_id_write(reading.id, file_source_md5(source), file_source_size(source), suffix);
    do {
        result = read_once(&reading);
    } while (result > 0);
    return result;
}

static unsigned current_suffix(struct file_source *source)
{
    pthread_mutex_lock(&source->lock);
    unsigned suffix = source->suffix;
    pthread_mutex_unlock(&source->lock);
    return suffix;
}

int file_source_read(struct file_source *source, struct call *call, uint64_t offset,
                     uint64_t length, content_sink *sink, void *context)
{
    if (!source->client->content_proxies)
        return file_source_read_directly(source, call, offset, length, sink, context);
    if (!file_source_md5(source))
        return read_past(source, call, offset, length, sink, context, ERROR_UNREACHABLE,
                         "the server does not give the file's MD5");
    unsigned suffix = current_suffix(source);
    if (suffix > CONTENT_ID_SUFFIXES)
        return read_past(source, call, offset, length, sink, context, ERROR_SERVER,
                         "what the content proxies gave was wrong again and again");
    while (length > 0) {
        uint64_t room = CONTENT_PROXY_PIECE - offset % CONTENT_PROXY_PIECE;
        uint64_t part = length < room ? length : room;
        if (read_piece(source, call, suffix, offset, part, sink, context) != 0)
            return -1;
        offset += part;
        length -= part;
    }
    return 0;
}

/* --- what came wrong --- */

void file_source_distrust(struct file_source *source)
{
    struct content_proxies *proxies = source->client->content_proxies;
    const unsigned char *md5 = file_source_md5(source);
    if (!proxies || !md5)
        return;
    unsigned next =
        wrong_contents_note(content_proxies_wrong(proxies), md5, file_source_size(source),
                            current_suffix(source), clock_milliseconds());
    pthread_mutex_lock(&source->lock);
    source->suffix = next;
    pthread_mutex_unlock(&source->lock);
}

unsigned client_content_ways(const struct client *client)
{
    const struct content_proxies *proxies = client->content_proxies;
    return proxies ? CONTENT_ID_SUFFIXES + 1 + content_proxies_have_direct(proxies) : 2;
}

uint64_t client_content_alignment(const struct client *client)
{
    return client->content_proxies ? CONTENT_PROXY_ALIGNMENT : 0;
}
