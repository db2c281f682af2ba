/* SPDX-License-Identifier: MIT */
/*
 * Whether the content of a remote file is what its digest says, found out while it is being read:
 * each byte is hashed once, in order (remote_hash.h).
 *
 * A block that was shown or hashed has a seal, a keyed checksum: whatever comes for it later, from
 * wherever, must fit. So what the digest was found right for is what was and will be shown. The
 * last block that nobody has seen is shown when that is known.
 *
 * Everything needs files->lock unless it says otherwise.
 */
#ifndef FS_REMOTE_DIGEST_H
#define FS_REMOTE_DIGEST_H

#include "base/md5.h"
#include "lane.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk;
struct remote_file;
struct remote_files;
struct remote_source;

enum digest_state {
    DIGEST_OPEN,    /* not known yet */
    DIGEST_RIGHT,   /* of everything that has been and will be shown */
    DIGEST_UNKNOWN, /* there is none, or what it needs will not come again */
};

struct digest {
    struct job job;
    struct remote_file *file; /* while it is open */
    enum digest_state state;
    bool running;      /* a job is queued or runs */
    bool again;        /* meanwhile, bytes came that it may have missed */
    bool awaited;      /* somebody waits for it */
    bool withheld;     /* nothing is shown before it is known */
    bool doubted;      /* the disk had vouched for all: what was shown before is not known */
    bool sealed;       /* what was shown has seals; else the disk vouches for it */
    bool settled;      /* the disk's copy was compared with the seals, or there is none */
    bool disordered;   /* blocks were shown long before those in front of them */
    int64_t patience;  /* clock_milliseconds(): then who waits is shown the rest; 0: never */
    struct md5 *md5;   /* the job's own; NULL: not begun, or over */
    uint64_t hashed;   /* bytes from the start on that went into it */
    uint64_t size;     /* of the content */
    uint64_t shown;    /* blocks that a reader was given */
    uint64_t gapless;  /* … from the start on, without a gap */
    uint32_t **blocks; /* of each: the seal, 0: none, and whether it was shown; in segments */
    /* What it is found by when the content is opened again. */
    uint64_t key;
    unsigned char wanted[MD5_SIZE];
    struct digest *next, *newer, *older;
};

/* In what is known of a block, beside its seal: it was shown. */
static const uint32_t DIGEST_SHOWN = UINT32_C(1) << 31;

/* NULL: no memory. Without the lock. */
struct digest *digest_new(uint64_t key, const struct remote_source *source);
void digest_free(struct digest *digest);

/* The seal of a block's bytes. Without the lock. */
uint32_t digest_seal(const struct remote_files *files, const char *bytes, size_t size);
/* Whether the block can be the one that was shown or hashed before. */
bool digest_fits(const struct digest *digest, uint64_t block, uint32_t seal);

/* What is known of the block; 0: nothing. */
uint32_t digest_look_at(const struct digest *digest, uint64_t block);
/* Where what is known of the block lies; NULL: no memory, so that nothing can be vouched for. */
uint32_t *digest_place_of(struct digest *digest, uint64_t block);
/* Forgets what was hashed and shown. */
void digest_begin_anew(struct digest *digest);

/* Whether offset … end may be shown: it is known to be right, or not the rest of the content. */
bool digest_permits(const struct remote_file *file, uint64_t offset, uint64_t end);
/* Somebody waits for it. Returns after how many milliseconds to ask again; 0: when it is known. */
int64_t digest_await(struct remote_file *file);
/* Takes note of a block that is shown. */
void digest_show(struct remote_file *file, uint64_t block, uint32_t seal);
/* The disk vouches for all of the content, of which nothing may have been shown. */
void digest_vouched(struct remote_file *file);
/* A block has come from elsewhere than the disk that vouched for all. */
void digest_doubt(struct remote_file *file);
/* Bytes that were shown and are not known to be right. */
uint64_t digest_unchecked(const struct digest *digest);
/* A chunk has got bytes: it stays until they are hashed, if that is soon. */
void digest_keep(struct remote_file *file, struct chunk *chunk);
/* There is no memory for what is wanted: who does not hash now keeps nothing. False: all do. */
bool digest_yield(struct remote_files *files);

#endif
