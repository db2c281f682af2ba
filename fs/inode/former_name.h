/* SPDX-License-Identifier: MIT */
/*
 * What registries were called before somebody wrote their attribute `name`. An
 * editor that has `name` open goes on by the path that it knows: it looks after
 * its text, removes its swap and lock files, saves again. For a minute the old
 * name leads it to the registry, and everybody else who only looks: mkdir and mv
 * may take the name at once. It is in no listing, and any registry of that name
 * ends it.
 *
 * All need nodes->lock unless they say otherwise. Times are of clock_nanoseconds().
 */
#ifndef FS_FORMER_NAME_H
#define FS_FORMER_NAME_H

#include "node.h"
#include "text/name.h"

#include <stdatomic.h>
#include <sys/types.h>

enum { MOST_FORMER_NAMES = 16, FORMER_NAME_SECONDS = 60 };

struct former_names {
    struct {
        struct node *registry; /* held; NULL: this one is free */
        pid_t process;         /* that wrote `name` */
        int64_t until;
        char name[NAME_LIMIT + 1];
    } list[MOST_FORMER_NAMES];
    atomic_uint count;
};

/* Needs no lock: whether a process is worth looking up. */
static inline bool former_names_exist(const struct former_names *names)
{
    return atomic_load(&names->count) > 0;
}

/* The process is about to have the registry renamed from the name that it has: that one, and
 * earlier ones of its, lead there. 0, a process that cannot be told from others: nothing is noted.
 */
void former_name_note(struct former_names *names, struct nodes *nodes, struct node *registry,
                      pid_t process, int64_t now);
/* An object has the name. */
void former_name_drop(struct former_names *names, struct nodes *nodes, struct place directory,
                      const char *name);
/* Whether the name leads anybody anywhere: the kernel must not remember that it is missing. */
bool former_name_counts(struct former_names *names, struct nodes *nodes, struct place directory,
                        const char *name, int64_t now);
/* The registry that the name leads the process to, which wrote `name` or `only_looks`; NULL: none.
 */
struct node *former_name_find(struct former_names *names, struct nodes *nodes,
                              struct place directory, const char *name, pid_t process,
                              bool only_looks, int64_t now);

#endif
