/* SPDX-License-Identifier: MIT */
/* `registryfs check`: what is wrong with this set-up, and what to do about it. */
#ifndef FS_CHECK_COMMAND_H
#define FS_CHECK_COMMAND_H

struct options;

/* Looks at what a mount or a download needs, makes and mounts nothing, and prints a line or an
 * object for each thing. Blocks within the timeouts of metadata. 0: all is well; 1: something does
 * not work, or the command line is wrong; 2: nothing can be mounted or fetched. */
int check_command(const struct options *options);

#endif
