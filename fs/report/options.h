/* SPDX-License-Identifier: MIT */
/*
 * The command line (design 1). One table holds every command, one every option: the latter parses
 * `--name value`, `--name=value` and `-o name=value`, writes --help, and is what
 * the completions and the man page are checked against.
 */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include "base/buf.h"
#include "client.h"
#include "option_value.h"

#include <stdint.h>
#include <sys/types.h>

enum command {
    COMMAND_MOUNT,
    COMMAND_RUN,
    COMMAND_STATUS,
    COMMAND_RESOLVE,
    COMMAND_GET,
    COMMAND_WARM,
    COMMAND_CHECK,
};

struct options {
    enum command command;
    uint64_t given;         /* a bit for each row of the table that was given */
    const char *source;     /* NULL: everything */
    const char *mountpoint; /* as given; of a mount that begins: resolved */
    const char *base_url;
    const char *api_key_file;
    const char *cache_dir;
    const char *content_proxy; /* the list; NULL: none */
    struct option_list content_proxy_headers;
    const char *log_file;
    const char *fsname;    /* what mount(8) shows; NULL: the source */
    char **words;          /* of `run`, NULL-terminated; NULL: mount */
    const char *at;        /* where `run` mounts; NULL: in a directory of its own */
    const char *status;    /* ask how this mount is, then exit; NULL: mount */
    const char *output;    /* where `resolve` writes the list of files; NULL: nowhere */
    const char *directory; /* of `get` */
    struct option_list include, exclude; /* patterns of paths */
    unsigned jobs;                       /* files at a time */
    const char *resolved;                /* such a list, in place of a source; NULL: none */
    double ttl;                          /* seconds */
    double negative_ttl;                 /* seconds */
    int timeout_ms;
    int mount_timeout_ms; /* how long a rate limit is waited out before the mount answers */
    uint64_t cache_size;  /* bytes; 0: no cache */
    enum rmdir_policy rmdir;
    enum verify_policy verify;
    enum passthrough_policy passthrough;
    enum client_log_level log_level;
    uid_t uid; /* shown as owner */
    gid_t gid;
    uid_t mounter; /* who mounts */
    gid_t mounter_group;
    mode_t umask;
    int ready_fd; /* -1: none */
    bool no_cache;
    bool foreground;
    bool debug;
    bool read_only;
    bool allow_other;
    bool allow_root;
    bool default_permissions;
    bool no_default_permissions;
    bool nonempty;
    bool auto_unmount;
    bool no_key; /* of run */
    bool json;
    bool watch;           /* of status */
    bool references_fail; /* what `get` and the like do about those that are not followed */
    bool overwrite;
    bool exact;
    bool dry_run;
    bool quiet;
    bool list;    /* with `warm`: what is pinned */
    bool unpin;   /* likewise: end that */
    int pin_days; /* 0: not to be pinned */
    bool help;
    bool version;
    struct buf kernel; /* further mount options for the kernel, each with a comma in front */
};

/* Fills in defaults and what argv says; texts point into argv. Options after `--` are operands.
 * 0, or -1 with a message that names what is wrong. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);
void options_release(struct options *options);
/* The text of --help. */
void options_print_help(FILE *out);

#endif
