/* SPDX-License-Identifier: MIT */
/* Where the W&B host itself serves a stored file (protocol 8.3). Pure. */
#ifndef CLIENT_FILE_URL_H
#define CLIENT_FILE_URL_H

#include "base/buf.h"
#include "base/md5.h"
#include "base/object.h"

struct file_url {
    const char *base; /* base URL without a trailing slash */
    bool layout_v2;
    bool with_collection; /* the server has the membership download handler */
    bool with_artifact;   /* … and it takes the artifact's id */
    const char *region;
    struct text entity;
    struct text project;
    struct text collection;
    struct text artifact; /* id */
    struct text birth;    /* id */
    struct text path;     /* of the file in the artifact: its last part is the name */
    const unsigned char *md5;
};

/* Appends the URL. Every byte but letters, digits and "-._~" is percent-encoded. False: no memory.
 */
bool file_url_write(const struct file_url *parts, struct buf *url);

#endif
