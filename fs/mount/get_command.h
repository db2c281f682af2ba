/* SPDX-License-Identifier: MIT */
/* `registryfs get`: a version's files in a directory, without FUSE. */
#ifndef FS_GET_COMMAND_H
#define FS_GET_COMMAND_H

struct options;

/* Blocks until all files are there and right, or a signal. Returns the exit code. */
int get_command(const struct options *options);

#endif
