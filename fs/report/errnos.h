/* SPDX-License-Identifier: MIT */
/* Errors as the kernel and people are told them (design 5): the one place that knows errnos. */
#ifndef FS_ERRNOS_H
#define FS_ERRNOS_H

#include "base/error.h"

/* The errno of a failure, positive. */
int errno_of(enum error_kind kind);
/* That errno's name: "EACCES". Static. */
const char *errno_name(enum error_kind kind);
/* Whether what was read before may be shown instead (design 4): the server cannot be reached. */
bool errno_allows_stale(enum error_kind kind);

#endif
