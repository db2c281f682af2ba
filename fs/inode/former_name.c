/* SPDX-License-Identifier: MIT */
#include "former_name.h"

#include "base/clock.h"

static void end(struct former_names *names, struct nodes *nodes, int i)
{
    node_drop(nodes, names->list[i].registry);
    names->list[i].registry = NULL;
    atomic_fetch_sub(&names->count, 1);
}

static void expire(struct former_names *names, struct nodes *nodes, int64_t now)
{
    for (int i = 0; i < MOST_FORMER_NAMES; i++) {
        const struct node *registry = names->list[i].registry;
        if (registry && (registry->gone || names->list[i].until <= now))
            end(names, nodes, i);
    }
}

static bool is_it(const struct former_names *names, int i, struct place directory, const char *name)
{
    const struct node *registry = names->list[i].registry;
    return registry && registry->parent == directory.node && registry->member == directory.member &&
           strcmp(names->list[i].name, name) == 0;
}

void former_name_drop(struct former_names *names, struct nodes *nodes, struct place directory,
                      const char *name)
{
    for (int i = 0; former_names_exist(names) && i < MOST_FORMER_NAMES; i++) {
        if (is_it(names, i, directory, name))
            end(names, nodes, i);
    }
}

/* A free one, else the one that would end first. */
static int choose(struct former_names *names, struct nodes *nodes)
{
    int oldest = 0;
    for (int i = 0; i < MOST_FORMER_NAMES; i++) {
        if (!names->list[i].registry)
            return i;
        if (names->list[i].until < names->list[oldest].until)
            oldest = i;
    }
    end(names, nodes, oldest);
    return oldest;
}

void former_name_note(struct former_names *names, struct nodes *nodes, struct node *registry,
                      pid_t process, int64_t now)
{
    int64_t until = now + FORMER_NAME_SECONDS * CLOCK_SECOND;
    if (!process || registry->gone)
        return;
    expire(names, nodes, now);
    former_name_drop(names, nodes, (struct place){registry->parent, registry->member},
                     registry->name);
    for (int i = 0; i < MOST_FORMER_NAMES; i++) {
        if (names->list[i].registry == registry && names->list[i].process == process)
            names->list[i].until = until;
    }
    int i = choose(names, nodes);
    node_hold(nodes, registry);
    names->list[i].registry = registry;
    names->list[i].process = process;
    names->list[i].until = until;
    snprintf(names->list[i].name, sizeof names->list[i].name, "%s", registry->name);
    atomic_fetch_add(&names->count, 1);
}

bool former_name_counts(struct former_names *names, struct nodes *nodes, struct place directory,
                        const char *name, int64_t now)
{
    if (!former_names_exist(names))
        return false;
    expire(names, nodes, now);
    for (int i = 0; i < MOST_FORMER_NAMES; i++) {
        if (is_it(names, i, directory, name))
            return true;
    }
    return false;
}

struct node *former_name_find(struct former_names *names, struct nodes *nodes,
                              struct place directory, const char *name, pid_t process,
                              bool only_looks, int64_t now)
{
    if (!process || !former_name_counts(names, nodes, directory, name, now))
        return NULL;
    for (int i = 0; i < MOST_FORMER_NAMES; i++) {
        if (is_it(names, i, directory, name) && (only_looks || names->list[i].process == process))
            return names->list[i].registry;
    }
    return NULL;
}
