/* SPDX-License-Identifier: MIT */
/*
 * Walkers (find, ls -R, grep -r) come to every directory. They are told by what one process opens
 * one after another; what they are about to need is then asked for in fewer calls, and ahead of
 * them. Needs nodes->lock, unless it says otherwise.
 */
#ifndef FS_WALK_H
#define FS_WALK_H

#include "inode/node.h"
#include "wait/request.h"

/* Says that a process opens a directory. */
void walk_note_opendir(struct request *request, struct place place);
/* Whether one listing of the registry's versions is to be asked for instead of this collection's:
 * it costs pages, one listing a collection costs collections. */
bool walk_wants_whole_registry(struct request *request, struct place versions);
/* Has the listings of the next registries read side by side with the one that a walker of the
 * organization is in. Takes the lock by itself; never waits. */
void walk_read_ahead(struct request *request);

/*
 * Who only wants names (find) need not be given the attributes of each of a version's twenty files:
 * the kernel would make an inode of every one. Who looks one up gets those of the next directories
 * at once.
 */
void walk_note_lookup(struct request *request, struct place found);
bool walk_looks(const struct request *request);
bool walk_is_one_of_many(struct place entry);

#endif
