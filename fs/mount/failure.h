/* SPDX-License-Identifier: MIT */
/* How the program ends. */
#ifndef FS_FAILURE_H
#define FS_FAILURE_H

/* Exit codes of mount(8), which the commands that do not mount have, too. */
enum { EXIT_MOUNTED = 0, EXIT_USAGE = 1, EXIT_SYSTEM = 2, EXIT_MOUNT_FAILED = 32 };
/* Those of the commands alone; to the latter the number of the signal is added. */
enum { EXIT_SOME_FAILED = 33, EXIT_BY_A_SIGNAL = 128 };

/* Says on standard error, in one line, what has failed; returns the code. Any thread. */
int fail(int code, const char *message);

#endif
