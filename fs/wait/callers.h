/* SPDX-License-Identifier: MIT */
/*
 * Who has just done what to a registry or an organization: a recursive deleter
 * comes to a registry's rmdir after it tried to remove what is inside, a mover
 * to mkdir after its rename was refused (design 3). Each directory remembers a
 * few callers for ten seconds. Everything but caller_of() needs nodes->lock.
 */
#ifndef FS_CALLERS_H
#define FS_CALLERS_H

#include "inode/filesystem.h"

#include <sys/types.h>

struct request;

/* Zeroes: a process that cannot be looked at, since it is in another PID namespace; all of them
 * count as one. */
struct caller {
    pid_t session, group;
};

/* Looks into /proc: no lock held. Of what has ended: zeroes. */
struct caller caller_of(pid_t thread);
/* The process that a thread is of; 0: it has ended, or is in another PID namespace. Looks into
 * /proc: no lock held. */
pid_t caller_process(pid_t thread);
/* What the call of a thread that waits for an answer does with the names that it looks up. */
enum caller_call {
    CALL_UNKNOWN,
    CALL_USES_NAMES,
    CALL_MAKES_DIRECTORY, /* of the last name */
    CALL_RENAMES          /* to the last name; by way of others */
};
/* proc(5), /proc/pid/syscall. Looks into /proc: no lock held. */
enum caller_call caller_call(pid_t thread);
/* Of whoever has sent the request. */
struct caller caller_of_request(const struct request *request);

enum caller_deed {
    DEED_REMOVAL,     /* of something in this registry: tried, done or refused */
    DEED_MEMBER,      /* a member of this registry was removed */
    DEED_OPENED,      /* this directory, or that of the registry's members */
    DEED_RMDIR,       /* of this organization: refused */
    DEED_MOVE_TO_HERE /* of a registry from another organization: refused */
};

/* `name`: a removed attribute's, or what the moved registry would have been; else NULL. Without
 * memory nothing is noted. */
void caller_note(struct node *directory, struct caller caller, enum caller_deed deed,
                 const char *name);
/* Whether somebody of the same session or process group did that within ten seconds. `name` NULL:
 * whatever the name. */
bool caller_did(const struct node *directory, struct caller caller, enum caller_deed deed,
                const char *name);
/* The same of a process group alone: a shell with job control gives each command one of its own. */
bool caller_group_did(const struct node *directory, struct caller caller, enum caller_deed deed);
/* A save has made the attribute of this name anew: whoever removed it was an editor. */
void caller_forget_removal(const struct node *registry, const char *name);

/* The processes that opened the directories of registries of that name in other organizations
 * within ten seconds; returns how many. */
enum { MOST_OPENERS = 8 };
unsigned caller_openers(const struct nodes *nodes, const struct node *organization,
                        const char *name, pid_t openers[MOST_OPENERS]);

#endif
