/* SPDX-License-Identifier: MIT */
#include "lifetime.h"

#include "base/clock.h"
#include "directory.h"
#include "fresh.h"
#include "link.h"
#include "provenance_file.h"
#include "report/options.h"

double lifetime_left(struct filesystem *fs, const struct node *node)
{
    const double nanoseconds = 1e9;
    if (!node->parent || !directory_row(node->parent->kind, node->member))
        return (double)fs->options->ttl;
    if (node->gone || fresh_is_forgotten(node->parent, node->member, node->fetched) ||
        node->fetched < node->forgotten)
        return 0;
    if (node->kind == NODE_PROVENANCE)
        return provenance_seconds_left(fs, node);
    if (directory_row(node->parent->kind, node->member)->immutable)
        return IMMUTABLE_SECONDS;
    double age = (double)(clock_nanoseconds() - link_fetched(fs, node)) / nanoseconds;
    if (age < fs->options->ttl)
        return fs->options->ttl - age;
    return fresh_node(NULL, fs, node) ? 1 : 0;
}
