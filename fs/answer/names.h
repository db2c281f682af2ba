/* SPDX-License-Identifier: MIT */
/* Names, attributes, symlinks and extended attributes: the bodies of requests about a place. */
#ifndef FS_NAMES_H
#define FS_NAMES_H

#include "wait/request.h"

bool lookup_body(struct request *request);
bool getattr_body(struct request *request);
bool readlink_body(struct request *request);
bool access_body(struct request *request);
bool getxattr_body(struct request *request);
bool listxattr_body(struct request *request);

#endif
