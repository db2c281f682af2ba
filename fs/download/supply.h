/* SPDX-License-Identifier: MIT */
/* Where the engine (remote_file.h) gets the bytes of a content that is downloaded: what an earlier
 * run has left of it in a file, then the server. */
#ifndef FS_SUPPLY_H
#define FS_SUPPLY_H

#include "content.h"
#include "content/remote_file.h"
#include "inode/filesystem.h"

/* All of it is borrowed until the engine is settled, but for the file and the version. */
struct supply_config {
    struct filesystem *fs;
    const struct version *version;
    const struct artifact_file *file;
    uint64_t key;              /* another one each time: what has failed is not shared */
    int partial;               /* whose first bytes have come already; -1: nothing has */
    uint64_t earlier;          /* so many of them */
    _Atomic uint64_t *fetched; /* counts bytes from the network */
    atomic_bool *spoilt;       /* set when what came does not have the digest */
};

/* Opens the content. NULL: no memory, or what the server says of the file makes no sense. */
struct remote_reader *supply_open(const struct supply_config *config, struct error *error);

#endif
