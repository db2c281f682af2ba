/* SPDX-License-Identifier: MIT */
/* `registryfs resolve`: which version a SOURCE means now. */
#ifndef FS_RESOLVE_COMMAND_H
#define FS_RESOLVE_COMMAND_H

struct options;

/* Prints the version's name with its digest; with --output writes the list of its files, too.
 * Blocks. Returns the exit code. */
int resolve_command(const struct options *options);

#endif
