/* SPDX-License-Identifier: MIT */
/* What `check` looks at without a server. */
#ifndef FS_CHECK_MACHINE_H
#define FS_CHECK_MACHINE_H

#include "findings.h"
#include "report/options.h"

/* Whether this user can mount. Before the process's memory is kept private. */
void check_device(struct findings *findings);
/* The cache directory and its disk; makes nothing. */
void check_cache(struct findings *findings, const struct options *options);

#endif
