/* SPDX-License-Identifier: MIT */
#include "inode/former_name.h"

#include "check.h"

#include <stdlib.h>

enum { EDITOR = 100, OTHER = 200 };
static const int64_t SECOND = 1000000000;

static struct nodes nodes;
static struct former_names names;
static struct place acme;

static struct node *registry(const char *name)
{
    return node_install(&nodes, acme, NODE_REGISTRY, name, NULL, 7, 1);
}

static struct node *find(const char *name, pid_t process, int64_t now)
{
    return former_name_find(&names, &nodes, acme, name, process, false, now);
}

static void rename_to(struct node *node, const char *name, int64_t now)
{
    former_name_note(&names, &nodes, node, EDITOR, now);
    CHECK(node_rename(&nodes, node, name));
}

static void it_leads_its_process_for_a_minute(void)
{
    struct node *node = registry("model");
    uint32_t holds = node->holds;
    rename_to(node, "renamed", SECOND);
    CHECK(find("model", EDITOR, 2 * SECOND) == node);
    CHECK(!find("model", OTHER, 2 * SECOND));
    CHECK(former_name_find(&names, &nodes, acme, "model", OTHER, true, 2 * SECOND) == node);
    CHECK(!find("renamed", EDITOR, 2 * SECOND));
    CHECK(former_name_counts(&names, &nodes, acme, "model", 2 * SECOND));
    CHECK(find("model", EDITOR, 61 * SECOND - 1) == node);
    CHECK(!find("model", EDITOR, 61 * SECOND));
    CHECK(!former_names_exist(&names));
    CHECK(node->holds == holds);
    node_remove(&nodes, node);
}

static void a_second_rename_keeps_both(void)
{
    struct node *node = registry("model");
    rename_to(node, "second", SECOND);
    rename_to(node, "third", 50 * SECOND);
    CHECK(find("model", EDITOR, 100 * SECOND) == node);
    CHECK(find("second", EDITOR, 100 * SECOND) == node);
    former_name_drop(&names, &nodes, acme, "model");
    CHECK(!find("model", EDITOR, 100 * SECOND));
    CHECK(find("second", EDITOR, 100 * SECOND) == node);
    node_remove(&nodes, node);
    CHECK(!find("second", EDITOR, 100 * SECOND));
    CHECK(!former_names_exist(&names));
}

static void the_newest_stay(void)
{
    char name[16];
    struct node *node = registry("name0");
    for (int i = 1; i <= MOST_FORMER_NAMES + 1; i++) {
        former_name_note(&names, &nodes, node, OTHER + i, i * SECOND);
        snprintf(name, sizeof name, "name%d", i);
        CHECK(node_rename(&nodes, node, name));
    }
    CHECK(!find("name0", OTHER + 1, 20 * SECOND));
    CHECK(find("name1", OTHER + 2, 20 * SECOND) == node);
    CHECK(find("name16", OTHER + 17, 20 * SECOND) == node);
    CHECK(!find("name16", OTHER + 17, 90 * SECOND));
    node_remove(&nodes, node);
}

static void nobody_in_particular_leaves_none(void)
{
    struct node *node = registry("model");
    former_name_note(&names, &nodes, node, 0, SECOND);
    CHECK(!former_names_exist(&names));
    CHECK(!find("model", 0, SECOND));
}

int main(void)
{
    CHECK(nodes_init(&nodes, 1));
    acme.node = node_install(&nodes, (struct place){nodes.root, MEMBER_SELF}, NODE_ORGANIZATION,
                             "acme", NULL, 1, 1);
    node_hold(&nodes, acme.node);
    it_leads_its_process_for_a_minute();
    a_second_rename_keeps_both();
    the_newest_stay();
    nobody_in_particular_leaves_none();
    nodes_release(&nodes);
    return check_result();
}
