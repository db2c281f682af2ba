/* SPDX-License-Identifier: MIT */
/* `registryfs warm`: a version's files in the cache, before anybody reads them. */
#ifndef FS_WARM_COMMAND_H
#define FS_WARM_COMMAND_H

struct options;

/* Blocks until all contents are in the cache and right, or a signal; or says what is pinned, or
 * ends that. Returns the exit code. */
int warm_command(const struct options *options);

#endif
