/* SPDX-License-Identifier: MIT */
#ifndef FS_PROCESS_FILE_H
#define FS_PROCESS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads the start of /proc/THREAD/NAME (proc(5)) as a string of less than `size` bytes. No lock
 * held. False: the thread has ended, is in another PID namespace (0), or must not be looked at. */
bool process_file_read(pid_t thread, const char *name, char *text, size_t size);

#endif
