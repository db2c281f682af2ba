/* SPDX-License-Identifier: MIT */
#include "dropped_in.h"

#include "tree/leftover.h"
#include "tree/local.h"
#include "tree/row.h"
#include "tree/stat.h"
#include "unsaved.h"

#include <limits.h>

static bool is_file(const struct node *name)
{
    return name->kind == NODE_LOCAL && name->parent->kind == NODE_REGISTRY && !name->gone &&
           S_ISREG(local_of(name)->mode);
}

bool dropped_in_has_text(const struct node *name)
{
    return is_file(name) && local_of(name)->text.size > 0 && !local_of(name)->copy_of &&
           !name_is_leftover(name->name);
}

void dropped_in_note(struct filesystem *fs, const char *operation, struct node *name)
{
    char path[PATH_MAX];
    if (!is_file(name) || name_is_leftover(name->name))
        return;
    place_path((struct place){name, MEMBER_SELF}, path, sizeof path);
    journal_add(fs->journal, operation, path, ERROR_NONE,
                "memory only, never on the server; when it goes, its text is written to the state "
                "directory");
}

bool dropped_in_leave(struct filesystem *fs, const struct node *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/%s", name->parent->parent->name, name->parent->name,
             name->name);
    return unsaved_leave(fs, path, &local_of(name)->text);
}

static void leave(struct filesystem *fs, struct node *registry, bool open_ones)
{
    for (struct node *child = registry->first_child; child; child = child->next_sibling) {
        if (dropped_in_has_text(child) && (open_ones || !local_of(child)->opened))
            dropped_in_leave(fs, child);
    }
}

void dropped_in_closed(struct filesystem *fs, const struct node *name)
{
    if (name->parent->gone && !local_of(name)->opened && dropped_in_has_text(name))
        dropped_in_leave(fs, name);
}

void dropped_in_leave_all(struct filesystem *fs)
{
    for (uint32_t number = 1; number < fs->nodes.numbers; number++) {
        struct node *node = node_at(&fs->nodes, number);
        if (node && node->kind == NODE_REGISTRY)
            leave(fs, node, true);
    }
}

static void leave_removed(struct filesystem *fs)
{
    if (!fs->nodes.registry_went)
        return;
    fs->nodes.registry_went = false;
    for (struct node *above = fs->nodes.root->first_child; above; above = above->next_sibling) {
        if (above->kind != NODE_ORGANIZATION)
            continue;
        for (struct node *child = above->first_child; child; child = child->next_sibling) {
            if (child->kind == NODE_REGISTRY && (child->gone || above->gone))
                leave(fs, child, false);
        }
    }
}

void dropped_in_keep_removed(struct filesystem *fs)
{
    pthread_mutex_lock(&fs->nodes.lock);
    leave_removed(fs);
    pthread_mutex_unlock(&fs->nodes.lock);
    unsaved_spill_soon(fs);
}
