/* SPDX-License-Identifier: MIT */
/* The transfers of remote files: one range each, from the network (or what the disk has of it) into
 * chunks of memory, and on to the disk. */
#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "disk_single_flight.h"
#include "remote_digest.h"
#include "remote_hash.h"
#include "remote_internal.h"
#include "remote_waiters.h"

enum {
    /* Another process that brings nothing for so long is not waited for, the next time half as
     * long; then as much is fetched before it is looked for again. */
    WATCH_MS = 1000,
    WATCH_FAILURES = 4,
    WATCH_STEP = 1 << 20,
    WATCH_PAUSE_MS = 10,
};

/* --- chunks --- */

static bool is_ready(const struct remote_waiter *waiter, const void *context)
{
    (void)context;
    return remote_in_memory(waiter->file, waiter->offset, waiter->end) &&
           digest_permits(waiter->file, waiter->offset, waiter->end);
}

/* Marks the blocks up to `until` as being there. Needs the lock. False: they are not the same as
 * before. */
static bool mark_present(struct stream *stream, uint64_t until, const uint32_t *seals)
{
    struct remote_file *file = stream->file;
    struct chunk *chunk = stream->chunk;
    uint64_t first = stream->published / DISK_BLOCK;
    if (!stream->from_disk)
        digest_doubt(file);
    for (uint64_t block = first; block * DISK_BLOCK < until; block++) {
        if (!digest_fits(file->digest, block, seals[block - first]))
            return false;
        chunk->seals[block % CHUNK_BLOCKS] = seals[block - first];
    }
    uint8_t mask = chunk_mask(file, chunk->number, stream->published, until);
    chunk->present |= mask;
    chunk->wanted &= (uint8_t)~mask;
    chunk->used = clock_milliseconds();
    remote_note_come(file, stream->published, until, stream->from_disk ? FROM_DISK : FROM_NETWORK);
    digest_keep(file, chunk);
    return true;
}

/* Shows the blocks that have come whole, and resumes who waited for them. All lie in one chunk.
 * False: they are not the same as before, the transfer is to end. */
static bool publish(struct stream *stream)
{
    struct remote_file *file = stream->file;
    uint64_t from = stream->published, until = stream->position;
    uint32_t seals[CHUNK_BLOCKS];
    unsigned count = 0;
    if (until < file->source.size)
        until = until / DISK_BLOCK * DISK_BLOCK;
    if (until <= from)
        return true;
    for (uint64_t at = from; at < until; at += DISK_BLOCK)
        seals[count++] = digest_seal(file->files, stream->chunk->data + at % CHUNK,
                                     until - at < DISK_BLOCK ? (size_t)(until - at) : DISK_BLOCK);
    struct remote_waiter *ready = NULL;
    pthread_mutex_lock(&file->files->lock);
    stream->differs = !mark_present(stream, until, seals);
    if (!stream->differs)
        stream->published = until;
    bool due = !stream->differs && digest_due(file, from, until);
    if (file->waiters)
        ready = remote_take_waiters(file, is_ready, NULL);
    pthread_mutex_unlock(&file->files->lock);
    if (due)
        digest_run(file);
    remote_resume(ready, NULL);
    return !stream->differs;
}

static void leave_chunk(struct stream *stream)
{
    if (!stream->chunk)
        return;
    pthread_mutex_lock(&stream->file->files->lock);
    stream->chunk->pins--;
    stream->chunk = NULL;
    pthread_mutex_unlock(&stream->file->files->lock);
}

/* Whether what it brought may be right: it is none of a content that was dropped meanwhile. */
static bool is_believed(const struct stream *stream)
{
    const struct remote_file *file = stream->file;
    return !atomic_load(&file->rejected) && stream->mismatches == atomic_load(&file->mismatches);
}

/* Puts on disk what is unsaved. The kernel lets one thread at a time write to a file: while another
 * stream does, this one had better receive, unless it `must`. */
static void save(struct stream *stream, bool must)
{
    struct remote_file *file = stream->file;
    if (stream->unsaved_count == 0)
        return;
    bool alone = !atomic_exchange(&file->saving, true);
    if (!alone && !must)
        return;
    for (unsigned i = 0; i < stream->unsaved_count && is_believed(stream); i++) {
        const struct unsaved *one = &stream->unsaved[i];
        disk_file_write(file->disk, one->from, one->chunk->data + one->from % CHUNK,
                        (size_t)(one->until - one->from));
    }
    if (alone)
        atomic_store(&file->saving, false);
    pthread_mutex_lock(&file->files->lock);
    while (stream->unsaved_count > 0) {
        struct chunk *chunk = stream->unsaved[--stream->unsaved_count].chunk;
        chunk->pins--;
        chunk->consumed |= stream->sweeps; /* whoever comes for it reads it from the disk */
    }
    pthread_mutex_unlock(&file->files->lock);
}

/* Leaves the chunk; its whole blocks that came since the last time are to be put on disk. */
static void keep_part(struct stream *stream)
{
    struct remote_file *file = stream->file;
    uint64_t until = stream->position;
    if (until < file->source.size)
        until = until / DISK_BLOCK * DISK_BLOCK;
    if (until > stream->part && file->disk && !stream->from_disk) {
        stream->unsaved[stream->unsaved_count++] =
            (struct unsaved){stream->chunk, stream->part, until};
        stream->chunk = NULL; /* stays pinned */
    }
    if (until > stream->part)
        stream->part = until;
    leave_chunk(stream);
    save(stream, stream->unsaved_count == MOST_UNSAVED);
}

/* Pins the chunk of the position and sees to its memory. False: there is none. */
static bool enter_chunk(struct stream *stream)
{
    struct remote_file *file = stream->file;
    pthread_mutex_lock(&file->files->lock);
    struct chunk *chunk = chunk_find(&file->files->pool, file, stream->position / CHUNK);
    chunk->pins++;
    bool bare = !chunk->data;
    pthread_mutex_unlock(&file->files->lock);
    stream->chunk = chunk;
    char *data = bare ? malloc(CHUNK) : NULL;
    if (!bare)
        return true;
    /* Another stream may bring other blocks of the same chunk. */
    pthread_mutex_lock(&file->files->lock);
    if (!chunk->data)
        chunk->data = steal(data);
    bool well = chunk->data != NULL;
    pthread_mutex_unlock(&file->files->lock);
    free(data);
    return well;
}

/* Where the next bytes go and how many fit there; NULL: no memory. */
static char *room(struct stream *stream, size_t *size)
{
    size_t within = (size_t)(stream->position % CHUNK);
    uint64_t left = stream->end - stream->position;
    if (!stream->chunk && !enter_chunk(stream))
        return NULL;
    *size = CHUNK - within < left ? CHUNK - within : (size_t)left;
    return stream->chunk->data + within;
}

/* `size` bytes have come into the room. False: they are not the same as before. */
static bool advance(struct stream *stream, size_t size)
{
    stream->position += size;
    if (!publish(stream)) {
        leave_chunk(stream);
        return false;
    }
    if (stream->position % CHUNK == 0 || stream->position >= stream->end)
        keep_part(stream);
    return true;
}

static bool take_bytes(void *context, const char *bytes, size_t size)
{
    struct stream *stream = context;
    atomic_fetch_add(&stream->file->files->from_network, size);
    while (size > 0) {
        size_t part;
        char *place = stream->position < stream->end ? room(stream, &part) : NULL;
        if (!place)
            return false;
        if (part > size)
            part = size;
        memcpy(place, bytes, part);
        if (!advance(stream, part))
            return false;
        bytes += part;
        size -= part;
    }
    return true;
}

/* --- transfers --- */

/* Reads what the disk has, up to `until`. False: it is damaged. */
static bool load(struct stream *stream, uint64_t until)
{
    struct remote_file *file = stream->file;
    stream->from_disk = true;
    while (stream->position < until) {
        size_t part;
        char *place = room(stream, &part);
        if (!place)
            break;
        if (part > until - stream->position)
            part = (size_t)(until - stream->position);
        if (disk_file_read(file->disk, stream->position, place, part) != part)
            break;
        atomic_fetch_add(&file->files->from_disk, part);
        if (!advance(stream, part))
            break;
    }
    /* What follows from the network is saved from here on. */
    stream->part = stream->position;
    stream->from_disk = false;
    return stream->position >= until;
}

static int differs(struct call *call)
{
    return error_set(call->error, ERROR_SERVER, "the content is not what was read before");
}

static int fetch(struct stream *stream, struct call *call, uint64_t until)
{
    const struct remote_source *source = &stream->file->source;
    uint64_t length = until - stream->position;
    int result = source->fetch(source->context, call, stream->position, length, take_bytes, stream);
    if (stream->chunk) /* neither an error nor what the disk has next may lose it */
        keep_part(stream);
    if (stream->differs)
        return differs(call);
    if (result != 0)
        return error_set(call->error, ERROR_LOCAL, "no memory for the file's content");
    if (stream->position != until)
        return error_set(call->error, ERROR_SERVER, "the storage sent fewer bytes than announced");
    return 0;
}

/* Another process that shares the disk fetches the same. False: it has brought nothing for long. */
static bool watch(struct stream *stream)
{
    int64_t now = clock_milliseconds();
    if (stream->watch_until == 0 || stream->watched != stream->position)
        stream->watch_until = now + (WATCH_MS >> stream->failures);
    stream->watched = stream->position;
    if (now >= stream->watch_until) {
        stream->watch_until = 0;
        stream->failures++;
        return false;
    }
    nanosleep(&(struct timespec){.tv_nsec = WATCH_PAUSE_MS * 1000000L}, NULL);
    return true;
}

/* Whether the stream itself has to fetch what is missing up to *until, which may be moved down.
 * False: the disk is to be asked once more. */
static bool begin_flight(struct stream *stream, uint64_t *until, struct disk_flight *flight)
{
    struct disk_file *disk = stream->file->disk;
    bool present = false;
    if (!disk || stream->failures == WATCH_FAILURES)
        return true;
    if (!disk_flight_begin(disk, stream->position, until, flight)) {
        if (watch(stream))
            return false;
        if (*until > stream->position + WATCH_STEP)
            *until = stream->position / DISK_BLOCK * DISK_BLOCK + WATCH_STEP;
        return true;
    }
    /* Who had the lock a moment ago may have brought it. */
    disk_file_run(disk, stream->position, *until, &present);
    if (present)
        disk_flight_end(flight);
    return !present;
}

static int transfer(struct stream *stream, struct call *call)
{
    struct disk_file *disk = stream->file->disk;
    struct disk_flight flight;
    while (stream->position < stream->end) {
        bool present = false;
        uint64_t until = stream->end;
        if (atomic_load(&stream->cancelled))
            return error_set(call->error, ERROR_INTERRUPTED, "cancelled");
        if (disk)
            until = disk_file_run(disk, stream->position, stream->end, &present);
        if (present && load(stream, until))
            continue;
        if (stream->differs)
            return differs(call);
        flight = (struct disk_flight){-1};
        /* What is there and cannot be had from the disk is fetched in any case. */
        if (!present && !begin_flight(stream, &until, &flight))
            continue;
        int result = fetch(stream, call, until);
        if (flight.descriptor >= 0)
            save(stream, true);
        disk_flight_end(&flight);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* --- the job --- */

static bool misses(const struct remote_waiter *waiter, const void *context)
{
    const struct stream *stream = context;
    return waiter->offset < stream->end && waiter->end > stream->published;
}

static bool overlaps(const struct remote_waiter *waiter, const void *context)
{
    const struct stream *stream = context;
    return waiter->offset < stream->end && waiter->end > stream->offset;
}

static void unlink_stream(struct stream *stream)
{
    struct stream **link = &stream->file->streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    stream->file->files->streams--;
    stream->file->files->sweeps -= stream->sweeps;
}

/* Ends the stream: who waits for what it did not bring is told why, or tries again when that was
 * none of its own fault. */
static void finish(struct stream *stream, const struct error *error)
{
    struct remote_file *file = stream->file;
    struct remote_files *files = file->files;
    bool again = error->kind == ERROR_NONE || atomic_load(&stream->cancelled);
    leave_chunk(stream);
    pthread_mutex_lock(&files->lock);
    stream_unwant(file, stream->published, stream->end);
    unlink_stream(stream);
    struct remote_waiter *failed = remote_take_waiters(file, misses, stream);
    if (failed && !again)
        remote_refuse(file, stream->published, stream->end, error);
    /* Of what these wait for, another part made place for something else meanwhile. */
    struct remote_waiter *incomplete = remote_take_waiters(file, overlaps, stream);
    struct remote_waiter *starved = remote_take_starved(files);
    pthread_mutex_unlock(&files->lock);
    remote_resume(failed, again ? NULL : error);
    remote_resume(incomplete, NULL);
    remote_resume(starved, NULL);
    remote_file_unref(file);
    free(stream);
}

/* Something else has come than what was shown or hashed: of a content that is known to be right
 * only the disk may have got it wrong, else nothing can be believed. */
static void reject_or_forget(struct remote_file *file)
{
    pthread_mutex_lock(&file->files->lock);
    bool right = file->digest->state == DIGEST_RIGHT;
    pthread_mutex_unlock(&file->files->lock);
    if (!right)
        digest_reject(file, false);
    else if (file->disk)
        disk_file_forget(file->disk);
}

static void stream_run(struct job *job)
{
    struct stream *stream = (struct stream *)(void *)job;
    struct remote_file *file = stream->file;
    struct error error = {0};
    /* No deadline of its own: it goes on as long as bytes come; who waits has one. */
    struct call call = {.cancelled = &stream->cancelled, .error = &error};
    transfer(stream, &call);
    save(stream, true);
    if (stream->differs)
        reject_or_forget(file);
    remote_file_ref(file);
    finish(stream, &error);
    pthread_mutex_lock(&file->files->lock);
    bool due = digest_due_for_disk(file);
    pthread_mutex_unlock(&file->files->lock);
    if (due)
        digest_run(file);
    remote_file_unref(file);
}

void stream_submit(struct stream *streams)
{
    for (struct stream *next; streams; streams = next) {
        next = streams->planned;
        streams->job.run = stream_run;
        lane_submit(streams->file->files->lane, &streams->job);
    }
}

/* --- what the disk has from before --- */

struct examination {
    struct job job;
    struct remote_file *file;
};

static void end_waiting(struct remote_file *file)
{
    pthread_mutex_lock(&file->files->lock);
    file->examining = false;
    struct remote_waiter *waiters = remote_take_waiters(file, remote_any, NULL);
    pthread_mutex_unlock(&file->files->lock);
    remote_resume(waiters, NULL);
}

static void end_examination(struct examination *examination)
{
    struct remote_file *file = examination->file;
    end_waiting(file);
    remote_file_unref(file);
    free(examination);
}

static void examination_run(struct job *job)
{
    struct examination *examination = (struct examination *)(void *)job;
    struct remote_file *file = examination->file;
    const atomic_bool *stopping = &file->files->stopping;
    if (!file->judged)
        remote_judge_disk(file);
    pthread_mutex_lock(&file->files->lock);
    bool awaited = file->examining;
    pthread_mutex_unlock(&file->files->lock);
    if (!awaited)
        end_waiting(file);
    if (file->examine && disk_file_adopt(file->disk, stopping))
        digest_vouched(file);
    end_examination(examination);
}

void remote_judge_disk(struct remote_file *file)
{
    bool verified = disk_file_is_verified(file->disk);
    bool adoptable = !verified && disk_file_adoptable(file->disk);
    /* Known when it is opened: only then the kernel can read it itself. */
    if (adoptable && disk_file_adopt_known(file->disk)) {
        verified = true;
        adoptable = false;
    }
    if (verified)
        digest_vouched(file);
    pthread_mutex_lock(&file->files->lock);
    file->examine = adoptable;
    file->examining = adoptable && file->source.size <= AWAITED_COPY_SIZE;
    file->judged = true;
    pthread_mutex_unlock(&file->files->lock);
}

void remote_examine(struct remote_file *file)
{
    struct examination *examination = calloc(1, sizeof *examination);
    if (!examination) {
        end_waiting(file);
        return;
    }
    *examination = (struct examination){.job = {.run = examination_run}, .file = file};
    remote_file_ref(file);
    lane_submit(file->files->lane, &examination->job);
}

static void check_again_run(struct job *job)
{
    struct examination *examination = (struct examination *)(void *)job;
    struct remote_file *file = examination->file;
    disk_file_check_again(file->disk, &file->files->stopping);
    pthread_mutex_lock(&file->files->lock);
    file->checking = false;
    pthread_mutex_unlock(&file->files->lock);
    remote_file_unref(file);
    free(examination);
}

void remote_check_again(struct remote_file *file)
{
    struct examination *examination = calloc(1, sizeof *examination);
    pthread_mutex_lock(&file->files->lock);
    bool begins = examination && !file->checking && !atomic_load(&file->files->stopping);
    file->checking |= begins;
    pthread_mutex_unlock(&file->files->lock);
    if (!begins) {
        free(examination);
        return;
    }
    *examination = (struct examination){.job = {.run = check_again_run}, .file = file};
    remote_file_ref(file);
    lane_submit(file->files->lane, &examination->job);
}
