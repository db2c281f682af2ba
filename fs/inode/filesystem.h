/* SPDX-License-Identifier: MIT */
/* What one mount consists of; made in main.c, handed to every handler. Immutable but for what each
 * part guards itself. */
#ifndef FS_FILESYSTEM_H
#define FS_FILESYSTEM_H

#include "client.h"
#include "former_name.h"
#include "node.h"
#include "report/journal.h"
#include "report/log.h"

struct fetches;
struct fuse_session;
struct lane;
struct requests;
struct options;
struct passthrough;
struct disk_cache;
struct kernel_cache;
struct remote_files;
struct open_directory;
struct open_file;
struct leaving_text;
struct queries;
struct status_server;

enum {
    LOOKERS = 16,
    MOST_READ = 1 << 20, /* bytes that the kernel may ask for at once */
};

struct filesystem {
    const struct options *options;
    struct log *log;
    struct journal *journal;
    struct client *client;
    struct viewer *viewer;
    struct nodes nodes;
    struct lane *data_lane;
    struct fetches *fetches;
    struct requests *requests;
    struct open_file *open_files;            /* under nodes.lock */
    struct open_directory *open_directories; /* likewise */
    struct leaving_text *leaving_texts;      /* likewise (unsaved.h) */
    struct node *control;                    /* the node of .registryfs */
    struct kernel_cache *kernel_cache;
    struct queries *queries;          /* under nodes.lock */
    struct former_names former_names; /* likewise */
    struct fuse_session *session;
    struct passthrough *passthrough;     /* what the kernel reads itself */
    struct status_server *status_server; /* NULL: none */
    struct disk_cache *disk_cache;       /* NULL: file contents are not kept on disk */
    struct remote_files *remote_files;
    size_t files_listed;              /* since file_tree_trim(); under nodes.lock */
    struct listing *provenance_names; /* provenance.h; likewise */
    size_t provenance_kept;           /* bytes of manifests; likewise */
    unsigned provenance_lacking; /* files that the server does not know of, as bits; likewise */
    bool members_lacking;        /* the server knows of no registry's members; likewise */
    int64_t mounted;             /* clock_nanoseconds() */
    struct timespec mounted_at;  /* wall clock */
    int32_t lookers[LOOKERS];    /* processes that look at attributes (walk.h); under nodes.lock */
    bool kernel_keeps_listings;  /* and drops them when told; set once by init */
    void (*on_ready)(struct filesystem *fs); /* called once the kernel talks to us */
};

#endif
