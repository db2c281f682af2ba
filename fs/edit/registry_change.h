/* SPDX-License-Identifier: MIT */
/* Registries that are made, renamed and removed (design 3, Objects), and how the tree follows. */
#ifndef FS_REGISTRY_CHANGE_H
#define FS_REGISTRY_CHANGE_H

#include "change.h"

/* Bodies of requests (request.h). */
bool mkdir_body(struct request *request);
bool rmdir_body(struct request *request);
/* `mv ORG/A ORG/B`: a part of rename_body (scratch.h). Needs nodes->lock. */
enum readiness registry_rename(struct request *request, struct place from, struct place to,
                               int *error_number);
/* After a rename_body that is answered with EPERM: a move to another organization is remembered, so
 * that the copy which some tools make instead is refused, too. No lock held. */
void registry_note_refused_move(struct request *request);

/* For changes that run, on a worker with no lock held. */

/* The registry as the server has it now; what is shown follows. */
int registry_change_read(struct change *change, struct call *call, struct registry **now);
/* Puts what a change that was asked for at `asked` has made of the registry in place. Where
 * somebody has read it meanwhile, nobody can say which of the two is newer: it is read again. */
void registry_change_show(struct change *change, struct call *call, const struct registry *now,
                          int64_t asked);
int registry_change_rename(struct change *change, struct call *call, const struct registry *now,
                           struct text new_name);

#endif
