/* SPDX-License-Identifier: MIT */
/*
 * `registryfs run`: a mount that lives as long as a command and that only the
 * command sees. Three processes: this one stays as it is, passes signals on and
 * collects what ends (also as process 1 of a container); one child mounts; one
 * is the command.
 */
#ifndef FS_RUN_COMMAND_H
#define FS_RUN_COMMAND_H

struct options;

/* Blocks until the command has ended. Returns its exit status (128 + signal; 126, 127: not
 * started), or what `mount` returned when it failed. Also returns in both children, which then have
 * to end with the value. */
int run_command(struct options *options, int (*mount)(struct options *options));

#endif
