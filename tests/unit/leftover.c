/* SPDX-License-Identifier: MIT */
#include "tree/leftover.h"

#include "check.h"

static const char *const leftovers[] = {
    "description~",
    "notes.txt~",
    ".description.swp",
    ".notes.txt.swo",
    ".description.swpx",
    ".#description",
    "#description#",
    "4913",
    "5036",
    ".description.tmp",
    "description.bak",
    "description.lock",
    "description.save",
    "description.save.1",
    "description.orig",
    "description.aB3xYz",
    "description.7hQ2Lk",
    "descriptionpX3k2a",
    ".description.vis.x1Y2z3",
    "description___jb_tmp___",
    "description___jb_old___",
    ".goutputstream-AB12CD",
    "sedaB3xYz",
    "tmpab3x_1z9",
    "CuaB3xYz",
    "tilde-backup-1",
    ".~lock.description#",
    "visibility.tmp",
    "name~",
    "artifact_types.new",
    ".description.kate-swp",
};
static const char *const others[] = {
    "notes.txt",
    "description.txt",
    "description.md",
    "description.odt",
    "description.backup",
    "descriptions",
    "sed-rules",
    "sedation",
    "tmp",
    "tmpnotes.txt",
    "notes",
    "4914",
    "2024",
    "report.swp",
    ".notes",
    ".directory",
    "DEADJOE",
    "full_name.bak",
    "collections.csv",
    "Cuba",
    "description.Draft",
    "XX",
    "notes.aB3xYz",
};

int main(void)
{
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        if (!name_is_leftover(leftovers[i]))
            fprintf(stderr, "%s\n", leftovers[i]);
        CHECK(name_is_leftover(leftovers[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (name_is_leftover(others[i]))
            fprintf(stderr, "%s\n", others[i]);
        CHECK(!name_is_leftover(others[i]));
    }
    return check_result();
}
