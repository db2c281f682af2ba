/* SPDX-License-Identifier: MIT */
/* Whether what somebody wants to see of a file in a version's lineage/ is known (provenance.h).
 * Needs nodes->lock. */
#ifndef FS_PROVENANCE_READY_H
#define FS_PROVENANCE_READY_H

#include "await.h"

/* Whether the size of a file is known, or with `to_read` its text. */
enum readiness provenance_ready(struct request *request, struct node *file, bool to_read,
                                int *error_number);

#endif
