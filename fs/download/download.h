/* SPDX-License-Identifier: MIT */
/*
 * Brings the contents of a version's files through the engine of the mount (remote_file.h), several
 * at a time: into a directory (target.h), or only into the disk cache. A content is fetched once,
 * however many files have it. One file that fails does not stop the others; a full disk, a refused
 * key and a version that is gone do.
 */
#ifndef FS_DOWNLOAD_H
#define FS_DOWNLOAD_H

#include "content.h"
#include "inode/filesystem.h"
#include "target.h"

enum outcome {
    OUTCOME_NONE,    /* not reached */
    OUTCOME_KEPT,    /* was there and right */
    OUTCOME_MISSING, /* would be brought */
    OUTCOME_BROUGHT,
    OUTCOME_REFERENCE, /* is stored elsewhere and was passed over */
    OUTCOME_FAILED,
};

/* One file; who asks for it owns all but what the download sets. */
struct wanted {
    const struct artifact_file *file;
    char *path; /* with the names of the tree */
    enum outcome outcome;
    char problem[256]; /* of OUTCOME_FAILED; one line */
};

struct download_config {
    struct filesystem *fs; /* with its client and its remote files */
    const struct version *version;
    unsigned jobs;
    bool overwrite;
    bool only_looks; /* brings nothing */
    bool references_fail;
    /* For a report on the way; called by the thread that runs the download. */
    void (*progress)(void *context);
    int progress_ms;
    void *context;
};

struct download_figures {
    uint64_t bytes;   /* of what is to be brought, as far as known */
    uint64_t done;    /* of these, what has come, also from the cache or an earlier run */
    uint64_t fetched; /* what came over the network */
    unsigned files;   /* that are settled */
    unsigned refused; /* that the server or the storage has failed to give */
};

struct download;

/* NULL: no memory. All that the config names is borrowed until download_free(). */
struct download *download_new(const struct download_config *config);
/* Before it is run: where the files are to be; without one, only into the cache. */
void download_use_target(struct download *download, struct target *target);
/* Ordered by path, each path once. Blocks until all are settled, or the download is stopped. */
void download_run(struct download *download, struct wanted *files, size_t count);
/* Soon ends what runs; any thread. */
void download_stop(struct download *download);
const atomic_bool *download_stopped(const struct download *download);
/* Why it was given up; kind 0: it was not, or was stopped. */
const struct error *download_failure(const struct download *download);
void download_read_figures(struct download *download, struct download_figures *figures);
/* After the remote files were stopped and settled. */
void download_free(struct download *download);

#endif
