/* SPDX-License-Identifier: MIT */
/* The kernel's operations: thin handlers that make a request of each (request.h). */
#ifndef FS_OPERATIONS_H
#define FS_OPERATIONS_H

#include <fuse_lowlevel.h>

extern const struct fuse_lowlevel_ops operations;

#endif
