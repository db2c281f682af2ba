/* SPDX-License-Identifier: MIT */
/* What a command that fetches files says at its end. */
#ifndef FS_OFFLINE_REPORT_H
#define FS_OFFLINE_REPORT_H

#include "offline.h"

/* The exit code that the outcomes have; says why all was given up. */
int offline_exit_code(const struct offline *offline);
/* Says what has failed, and on standard output which version it was, or all as JSON. Returns the
 * code, or another one. */
int offline_print(const struct offline *offline, int code);

#endif
