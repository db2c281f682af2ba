/* SPDX-License-Identifier: MIT */
/* What the files of remote content share (remote_file.h). Members need files->lock unless said
 * otherwise. */
#ifndef FS_REMOTE_INTERNAL_H
#define FS_REMOTE_INTERNAL_H

#include "chunk_pool.h"
#include "disk_cache.h"
#include "lane.h"
#include "progress.h"
#include "readahead.h"
#include "remote_source.h"

#include <pthread.h>

struct digest;
struct remote_view;
struct remote_waiter;

enum { REMOTE_WORD = 64 /* blocks in a word of `fetched` and `read` */ };

enum {
    /* Larger files are shown before their digest is known, where that is asked for. */
    GATED_SIZE = 64 << 20,
    /* Files up to this size show nothing before. */
    WITHHELD_SIZE = 1 << 20,
    /* The kernel repeats a failed read at once: it gets the same answer for so long. */
    REFUSAL_MS = 200,
    /* Chunks that a stream puts on disk together at the latest. */
    MOST_UNSAVED = 8,
    /* Read-ahead leaves so many threads to those who wait. */
    RESERVED_STREAMS = 4,
    /* Threads that hash. */
    DIGEST_WORKERS = 4,
};

/* Up to this size, readers wait until a copy of the official client is checked: that takes some
 * seconds, and a read may take 60 (design 5). Beside larger ones the network is asked. */
static const uint64_t AWAITED_COPY_SIZE = UINT64_C(4) << 30;

/* Of contents that nobody has open (digest_memory.h). */
enum { DIGEST_BUCKETS = 4096 };

struct digest_memory {
    struct digest *buckets[DIGEST_BUCKETS];
    struct digest *oldest, *newest;
    size_t bytes;
};

/* What has come of a content, and how fast. Times are clock_milliseconds(). */
struct arrival {
    uint64_t bytes;      /* different ones */
    int64_t begun, last; /* when somebody first asked, when the last byte came; 0: nobody did */
    int64_t second;      /* in which this_second counts */
    uint64_t this_second, last_second; /* bytes, those that came again, too */
    enum progress_source source;       /* of the last byte */
};

struct remote_files {
    pthread_mutex_t lock; /* a leaf: never held across a call out of this module */
    struct lane *lane;
    struct lane *digests; /* hashing, which must not wait for transfers */
    struct disk_cache *disk;
    unsigned width;
    struct chunk_pool pool;
    struct remote_file *first;
    unsigned streams;
    unsigned sweeps;     /* … of what nobody has begun to read */
    uint64_t disk_share; /* bytes that may lie there before they are read; immutable */
    unsigned starved;    /* waiters that found no memory */
    atomic_bool stopping;
    int64_t epoch;                       /* second in which `active` counts */
    unsigned active, active_last_second; /* contents that are read */
    struct digest_memory remembered;
    uint64_t unchecked; /* bytes shown of files that are closed and were not found right */
    uint64_t seal_key;  /* immutable */
    bool late;          /* immutable: large files are shown before their digest is known */
    _Atomic uint64_t from_memory, from_disk, from_network;
    struct remote_progress closed[PROGRESS_MOST]; /* a ring: of the files that were closed last */
    unsigned next_closed;
};

struct remote_file {
    struct remote_files *files; /* immutable, as are source and disk */
    uint64_t key;               /* 0: not to be found any more */
    struct remote_source source;
    struct disk_file *disk; /* NULL: not cached */
    struct remote_file *next;
    unsigned references; /* readers, streams and examinations */
    unsigned readers;
    struct remote_waiter *waiters;
    struct stream *streams;
    struct digest *digest;
    struct readahead ahead;
    int64_t epoch;            /* second in which it was counted as active */
    uint64_t *fetched, *read; /* a bit a block: was fetched or is to be, was read; NULL: too many */
    uint64_t *come;           /* … it has come, from wherever */
    uint64_t unread;          /* blocks that are fetched and not read */
    struct arrival arrival;
    uint64_t head;          /* of a small file: up to here it is shown before its digest is known */
    bool judged;            /* it is known what the disk has */
    bool checking;          /* what the disk has is being compared with its digest again */
    bool examine;           /* a copy on disk is to be checked */
    bool examining;         /* … and waiters wait for it */
    atomic_uint mismatches; /* how often the whole content had a wrong digest */
    atomic_bool rejected;   /* it was found wrong: nothing more is kept of it; needs no lock */
    atomic_bool saving;     /* a stream is writing to the disk; needs no lock */
    struct error failure;   /* it was found wrong */
    struct error refusal;   /* why the range refused_from … refused_to could not be had */
    uint64_t refused_from, refused_to;
    int64_t refused_until; /* clock_milliseconds(): for so long nobody asks again */
};

struct remote_reader {
    atomic_uint references;
    struct remote_file *file;
    bool pages_are_good;
};

/* Bytes of a pinned chunk that are to be put on disk. */
struct unsaved {
    struct chunk *chunk;
    uint64_t from, until;
};

/* A transfer of one range, on a thread of the lane. */
struct stream {
    struct job job;
    struct remote_file *file;
    struct stream *next;    /* of the file's streams */
    struct stream *planned; /* of those to be submitted; not under the lock */
    uint64_t offset, end;   /* immutable; whole blocks but at the file's end */
    unsigned mismatches;    /* the file's when it was planned; immutable */
    uint64_t position;      /* from here on the worker's own: bytes received up to here */
    uint64_t part;          /* bytes up to here are on disk, or unsaved */
    struct unsaved unsaved[MOST_UNSAVED];
    unsigned unsaved_count;
    uint64_t published;  /* blocks up to here are shown */
    struct chunk *chunk; /* pinned, the one that holds `position`; NULL: none */
    bool from_disk;      /* what comes now is on disk already */
    bool differs;        /* what came is not what came before */
    uint64_t watched;    /* from here on another process fetches */
    int64_t watch_until; /* clock_milliseconds(); 0: it is not watched */
    unsigned failures;   /* how often it brought nothing */
    bool sweeps;         /* for pieces that nobody has begun to read; immutable */
    atomic_bool cancelled;
};

/* Ends the transfers of the file soon. */
void remote_cancel_streams(struct remote_file *file);

/* For a moment reads of the range fail, and nobody asks for it. Under the lock. */
void remote_refuse(struct remote_file *file, uint64_t from, uint64_t to, const struct error *error);
bool remote_is_refused(const struct remote_file *file, uint64_t offset, uint64_t end);

/* All blocks of the range are in memory. */
bool remote_in_memory(const struct remote_file *file, uint64_t offset, uint64_t end);
/* Fills the view with offset … end if all of it is in memory and may be shown. */
bool remote_view_memory(struct remote_file *file, uint64_t offset, uint64_t end,
                        struct remote_view *view);
/* The same from the disk. Without the lock. */
bool remote_view_disk(struct remote_file *file, uint64_t offset, uint64_t end,
                      struct remote_view *view);
uint8_t chunk_mask(const struct remote_file *file, uint64_t number, uint64_t offset, uint64_t end);

/* Starts streams for a read of which something is neither in memory nor on its way, and for what
 * belongs to it. Returns the streams, linked by `planned`, to be submitted without the lock.
 * *starved: memory did not suffice for what is demanded. */
struct stream *remote_plan_miss(struct remote_file *file, uint64_t offset, uint64_t end,
                                bool *starved);
void stream_submit(struct stream *streams);
/* The blocks of offset … end are not on their way any more. */
void stream_unwant(struct remote_file *file, uint64_t offset, uint64_t end);
/* Of a new file; false: no memory. */
bool remote_blocks_init(struct remote_file *file);
void remote_blocks_free(struct remote_file *file);
/* Whether the block is among these, of `fetched` or `read`. */
bool remote_block_is(const uint64_t *blocks, uint64_t block);
/* A block that is fetched before anybody has read it lies unread. */
void remote_note_fetched(struct remote_file *file, uint64_t block, bool fetched);
/* What the disk has need not be fetched, and can be had again. */
void remote_note_on_disk(struct remote_file *file, uint64_t offset, uint64_t end);
void remote_note_read(struct remote_file *file, uint64_t offset, uint64_t end);
/* These whole blocks have come. */
void remote_note_come(struct remote_file *file, uint64_t offset, uint64_t end,
                      enum progress_source source);
/* Nobody waits for these bytes any more: they were read, or the disk has them. */
bool remote_all_read(const struct remote_file *file, uint64_t offset, uint64_t end);

/* What follows takes the lock itself. */

/* After a read was served: fetches what will be read next. `disk`: it may be
 * asked what it has. */
void remote_read_ahead(struct remote_file *file, uint64_t offset, uint64_t end, bool disk);
/* While a read waits: the same, but what lies next to it, without
 * asking the disk. */
void remote_sweep(struct remote_file *file, uint64_t offset, uint64_t end);

/* Of a new file: whether the official client has a copy of which it is not known that it is right,
 * and whether readers wait until that is known. Asks the disk. */
void remote_judge_disk(struct remote_file *file);
/* Finds it out on the lane, for a file to be examined or not judged yet. */
void remote_examine(struct remote_file *file);

/* Has what was touched on disk since it was found right compared with its digest, on the lane. */
void remote_check_again(struct remote_file *file);

/* Of a file that nobody has a reference to. */
void remote_file_free(struct remote_file *file);
void remote_file_ref(struct remote_file *file);
/* Frees the file with the last reference. */
void remote_file_unref(struct remote_file *file);

#endif
