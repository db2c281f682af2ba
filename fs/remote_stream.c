/* SPDX-License-Identifier: MIT */
/* The transfers of remote files: one range each, from the network (or what the disk has of it) into
 * chunks of memory, and on to the disk. */
#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "remote_internal.h"

/* --- chunks --- */

static bool is_ready(const struct remote_waiter *waiter, const void *context)
{
    (void)context;
    return remote_in_memory(waiter->file, waiter->offset, waiter->end);
}

/* Shows the blocks that are complete below `until`, and resumes who waited for them. */
static void publish(struct stream *stream, uint64_t until)
{
    struct remote_file *file = stream->file;
    struct remote_waiter *ready = NULL;
    if (until < file->source.size)
        until = until / DISK_BLOCK * DISK_BLOCK;
    if (until <= stream->published)
        return;
    pthread_mutex_lock(&file->files->lock);
    for (uint64_t number = stream->published / CHUNK; number * CHUNK < until; number++) {
        struct chunk *chunk = chunk_find(&file->files->pool, file, number);
        uint8_t mask = chunk_mask(file, number, stream->published, until);
        chunk->present |= mask;
        chunk->wanted &= (uint8_t)~mask;
        chunk->used = clock_milliseconds();
    }
    stream->published = until;
    if (file->waiters)
        ready = remote_take_waiters(file, is_ready, NULL);
    pthread_mutex_unlock(&file->files->lock);
    remote_resume(ready, NULL);
}

static void publish_received(struct stream *stream)
{
    publish(stream, stream->position < stream->held_from ? stream->position : stream->held_from);
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
    for (unsigned i = 0; i < stream->unsaved_count; i++) {
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

/* `size` bytes have come into the room. */
static void advance(struct stream *stream, size_t size)
{
    stream->position += size;
    if (stream->position % CHUNK != 0 && stream->position < stream->end)
        return;
    publish_received(stream);
    keep_part(stream);
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
        advance(stream, part);
        bytes += part;
        size -= part;
    }
    publish_received(stream);
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
        advance(stream, part);
    }
    /* What follows from the network is saved from here on. */
    stream->part = stream->position;
    stream->from_disk = false;
    return stream->position >= until;
}

static int fetch(struct stream *stream, struct call *call, uint64_t until)
{
    const struct remote_source *source = &stream->file->source;
    uint64_t length = until - stream->position;
    int result = source->fetch(source->context, call, stream->position, length, take_bytes, stream);
    if (stream->chunk) /* neither an error nor what the disk has next may lose it */
        keep_part(stream);
    if (result != 0)
        return error_set(call->error, ERROR_LOCAL, "no memory for the file's content");
    if (stream->position != until)
        return error_set(call->error, ERROR_SERVER, "the storage sent fewer bytes than announced");
    return 0;
}

static int transfer(struct stream *stream, struct call *call)
{
    struct disk_file *disk = stream->file->disk;
    while (stream->position < stream->end) {
        bool present = false;
        uint64_t until = stream->end;
        if (atomic_load(&stream->cancelled))
            return error_set(call->error, ERROR_INTERRUPTED, "cancelled");
        if (disk)
            until = disk_file_run(disk, stream->position, stream->end, &present);
        if (present && load(stream, until))
            continue;
        if (fetch(stream, call, until) != 0)
            return -1;
    }
    return 0;
}

/* --- digests --- */

/* Of a file that this stream has brought whole into memory. */
static enum disk_check check_memory(struct stream *stream)
{
    struct remote_file *file = stream->file;
    unsigned char digest[MD5_SIZE];
    if (stream->offset != 0 || stream->end != file->source.size)
        return DISK_CHECK_INCOMPLETE;
    struct md5 *md5 = md5_new();
    bool well = md5 != NULL;
    for (uint64_t offset = 0; well && offset < stream->end; offset += CHUNK) {
        uint64_t left = stream->end - offset;
        /* Blocks below held_from are shown and may have made place for others meanwhile. */
        uint8_t shown = chunk_mask(file, offset / CHUNK, 0, stream->held_from);
        pthread_mutex_lock(&file->files->lock);
        struct chunk *chunk = chunk_find(&file->files->pool, file, offset / CHUNK);
        well = chunk && (chunk->present & shown) == shown;
        if (well)
            chunk->pins++;
        pthread_mutex_unlock(&file->files->lock);
        if (!well)
            break;
        well = md5_update(md5, chunk->data, left < CHUNK ? (size_t)left : CHUNK);
        pthread_mutex_lock(&file->files->lock);
        chunk->pins--;
        pthread_mutex_unlock(&file->files->lock);
    }
    well = well && md5_finish(md5, digest);
    md5_free(md5);
    if (!well)
        return DISK_CHECK_INCOMPLETE;
    return memcmp(digest, file->source.md5, MD5_SIZE) == 0 ? DISK_CHECK_GOOD : DISK_CHECK_BAD;
}

/* The whole content is wrong: forgets it all. Once it is fetched again, the second time it is
 * given up. */
static void reject(struct remote_file *file)
{
    struct remote_files *files = file->files;
    struct error failure = {0};
    pthread_mutex_lock(&files->lock);
    chunk_pool_forget(&files->pool, file);
    file->complete = false;
    file->mismatches++;
    files->wrong_keys[files->wrong_next++ %
                      (sizeof files->wrong_keys / sizeof files->wrong_keys[0])] = file->key;
    if (file->mismatches > 1) {
        error_set(&file->failure, ERROR_SERVER,
                  "the content does not have the digest that the server gives for it");
        file->key = 0; /* whoever opens it from now on begins anew */
    }
    failure = file->failure;
    struct remote_waiter *waiters = remote_take_waiters(file, remote_any, NULL);
    pthread_mutex_unlock(&files->lock);
    file->source.mismatch(file->source.context);
    remote_resume(waiters, failure.kind != ERROR_NONE ? &failure : NULL);
}

static void set_complete(struct remote_file *file)
{
    pthread_mutex_lock(&file->files->lock);
    file->complete = true;
    pthread_mutex_unlock(&file->files->lock);
}

/* Whether what this stream brought may be shown to its end. */
static bool passes_check(struct stream *stream)
{
    struct remote_file *file = stream->file;
    enum disk_check check = DISK_CHECK_INCOMPLETE;
    if (file->disk)
        check = disk_file_check(file->disk, &stream->cancelled);
    if (check == DISK_CHECK_GOOD)
        set_complete(file);
    else if (check == DISK_CHECK_INCOMPLETE)
        check = check_memory(stream);
    return check != DISK_CHECK_BAD;
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
    if (failed && !again) {
        file->refusal = *error;
        file->refused_from = stream->published;
        file->refused_to = stream->end;
        file->refused_until = clock_milliseconds() + REFUSAL_MS;
    }
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

/* Whether all of the file is on disk. What was seen there once is not looked at again: this is
 * asked after each of the many streams of a large file. */
static bool all_is_on_disk(struct remote_file *file)
{
    bool present;
    pthread_mutex_lock(&file->files->lock);
    uint64_t gapless = file->gapless;
    pthread_mutex_unlock(&file->files->lock);
    uint64_t size = file->source.size;
    if (gapless < size) {
        uint64_t end = disk_file_run(file->disk, gapless, size, &present);
        gapless = present ? end : gapless;
    }
    pthread_mutex_lock(&file->files->lock);
    file->gapless = gapless;
    pthread_mutex_unlock(&file->files->lock);
    return gapless == size;
}

/* A file too large to be checked while somebody waits: once it is complete, in the background. */
static void check_afterwards(struct remote_file *file)
{
    struct remote_files *files = file->files;
    if (!file->disk || !all_is_on_disk(file))
        return;
    pthread_mutex_lock(&files->lock);
    bool mine = !file->complete && !file->checking;
    file->checking |= mine;
    pthread_mutex_unlock(&files->lock);
    if (!mine)
        return;
    enum disk_check check = disk_file_check(file->disk, &files->stopping);
    pthread_mutex_lock(&files->lock);
    file->checking = false;
    file->gapless = 0; /* unless it is good, blocks are missing */
    pthread_mutex_unlock(&files->lock);
    if (check == DISK_CHECK_GOOD)
        set_complete(file);
    else if (check == DISK_CHECK_BAD)
        reject(file);
}

static void stream_run(struct job *job)
{
    struct stream *stream = (struct stream *)(void *)job;
    struct remote_file *file = stream->file;
    struct error error = {0};
    /* No deadline of its own: it goes on as long as bytes come; who waits has one. */
    struct call call = {.cancelled = &stream->cancelled, .error = &error};
    bool well = transfer(stream, &call) == 0;
    save(stream, true);
    bool ungated = stream->held_from == UINT64_MAX;
    if (well && !ungated) {
        if (passes_check(stream))
            publish(stream, stream->end);
        else
            reject(file);
    }
    remote_file_ref(file);
    finish(stream, &error);
    if (well && ungated)
        check_afterwards(file);
    remote_file_unref(file);
}

static void submit(struct remote_files *files, struct stream *stream)
{
    struct error error = {0};
    stream->job.run = stream_run;
    if (lane_submit(files->lane, &stream->job))
        return;
    error_set(&error, ERROR_LOCAL, "no thread can be started");
    finish(stream, &error);
}

void stream_submit(struct stream *streams)
{
    for (struct stream *next; streams; streams = next) {
        next = streams->planned;
        submit(streams->file->files, streams);
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
    bool good = awaited && disk_file_check(file->disk, stopping) == DISK_CHECK_GOOD;
    if (!awaited && file->examine)
        check_afterwards(file); /* some of it may have been read by now */
    if (good || (file->examine && disk_file_adopt(file->disk, stopping)))
        set_complete(file);
    end_examination(examination);
}

void remote_judge_disk(struct remote_file *file)
{
    bool present, adoptable = false, examine = false;
    uint64_t size = file->source.size;
    bool complete = disk_file_is_verified(file->disk);
    if (!complete) {
        adoptable = disk_file_adoptable(file->disk);
        examine = adoptable || (disk_file_run(file->disk, 0, size, &present) == size && present);
    }
    pthread_mutex_lock(&file->files->lock);
    file->complete = complete;
    file->examine = examine;
    file->examining = examine && size <= (adoptable ? AWAITED_COPY_SIZE : GATED_SIZE);
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
    if (!lane_submit(file->files->lane, &examination->job))
        end_examination(examination);
}
