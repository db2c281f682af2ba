/* SPDX-License-Identifier: MIT */
/* `registryfs check`: what is wrong with this set-up, and what to do about it. */
#ifndef FS_CHECK_COMMAND_H
#define FS_CHECK_COMMAND_H

struct options;

/* Looks at everything that a mount or a download needs, and prints a line or an object for each.
 * Blocks within the timeouts of metadata. 0: all is well, 1: something does not work, 2: nothing
 * does, since the server cannot be used or the source is not there. */
int check_command(const struct options *options);

#endif
