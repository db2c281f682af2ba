/* SPDX-License-Identifier: MIT */
#include "text/edit.h"

#include "check.h"

#include <errno.h>
#include <stdint.h>

enum { CEILING = 64 };

static struct edit start(enum commit_point commit, const char *text, bool fresh, bool append)
{
    struct edit edit;
    CHECK(edit_init(&edit, commit, CEILING, text, strlen(text), fresh, append));
    return edit;
}

static int put(struct edit *edit, const char *text, size_t offset)
{
    return edit_write(edit, text, strlen(text), offset);
}

enum { SHELL = 7, COMMAND, OTHER_COMMAND };

/* A shell flushes before it writes: open, flush, write, flush. */
static void shell_text(void)
{
    struct edit edit = start(COMMIT_TEXT, "old\n", true, false);
    CHECK(!edit_due_at_flush(&edit, SHELL));
    CHECK(put(&edit, "one\n", 0) == 0 && !edit_due_after_write(&edit));
    CHECK(put(&edit, "two\n", 4) == 0);
    CHECK(edit_due_at_flush(&edit, SHELL));
    CHECK_TEXT(edit.text.data, "one\ntwo\n");
    edit_send(&edit);
    edit_saved(&edit);
    CHECK(!edit_due_at_flush(&edit, SHELL) && !edit_due_at_fsync(&edit) &&
          !edit_due_at_release(&edit));
    edit_release(&edit);
}

static void shell_line(void)
{
    struct edit edit = start(COMMIT_LINE, "old\n", true, false);
    CHECK(put(&edit, "restr", 0) == 0 && !edit_due_after_write(&edit));
    CHECK(put(&edit, "icted\n", 5) == 0 && edit_due_after_write(&edit));
    edit_release(&edit);
    edit = start(COMMIT_LINE, "old\n", false, false);
    CHECK(put(&edit, "new\n", 0) == 0 && !edit_due_after_write(&edit));
    CHECK(edit_due_at_flush(&edit, SHELL));
    edit_release(&edit);
}

static void emptied(void)
{
    struct edit edit = start(COMMIT_TEXT, "old\n", true, false);
    CHECK(!edit_due_at_flush(&edit, SHELL));
    CHECK(edit_due_at_release(&edit) && edit_is_emptied(&edit));
    CHECK(!edit_due_at_flush(&edit, COMMAND) && !edit_due_at_flush(&edit, OTHER_COMMAND));
    CHECK(!edit_due_at_flush(&edit, SHELL));
    CHECK(edit_due_at_flush(&edit, SHELL));
    edit_release(&edit);
    edit = start(COMMIT_TEXT, "old\n", false, false);
    CHECK(!edit_due_at_flush(&edit, SHELL) && !edit_due_at_release(&edit));
    CHECK(edit_resize(&edit, 0) == 0 && edit.fresh && edit_due_at_flush(&edit, SHELL));
    edit_release(&edit);
}

/* busybox vi and sudoedit write over the old text and cut it afterwards. */
static void cut_afterwards(void)
{
    struct edit edit = start(COMMIT_LINE, "organization\n", false, false);
    CHECK(put(&edit, "restricted\n", 0) == 0);
    CHECK_TEXT(edit.text.data, "restricted\nn\n");
    CHECK(!edit_is_no_text(&edit) && !edit_due_after_write(&edit));
    CHECK(edit_resize(&edit, 11) == 0);
    CHECK_TEXT(edit.text.data, "restricted\n");
    CHECK(edit_due_at_flush(&edit, SHELL));
    edit_release(&edit);
}

static void append(void)
{
    struct edit edit = start(COMMIT_TEXT, "old\n", false, true);
    CHECK(put(&edit, "new\n", 0) == 0);
    CHECK_TEXT(edit.text.data, "old\nnew\n");
    edit_release(&edit);
}

static void limits_and_stickiness(void)
{
    struct edit edit = start(COMMIT_TEXT, "", true, false);
    char many[CEILING + 1];
    memset(many, 'x', sizeof many);
    CHECK(edit_write(&edit, many, CEILING, 0) == 0);
    CHECK(edit_write(&edit, many, 1, CEILING) == EFBIG);
    CHECK(edit_write(&edit, many, 1, 0) == EFBIG);
    edit_release(&edit);
    edit = start(COMMIT_TEXT, "", true, false);
    CHECK(edit_write(&edit, many, 1, SIZE_MAX) == EFBIG);
    edit_release(&edit);
    edit = start(COMMIT_TEXT, "old\n", true, false);
    CHECK(put(&edit, "x", 0) == 0);
    edit_failed(&edit, EACCES);
    CHECK(put(&edit, "y", 1) == EACCES && edit_resize(&edit, 0) == EACCES);
    CHECK(!edit_due_at_flush(&edit, SHELL) && !edit_due_at_fsync(&edit) &&
          !edit_due_at_release(&edit));
    edit_release(&edit);
}

static void not_a_text(void)
{
    struct edit edit = start(COMMIT_TEXT, "", true, false);
    CHECK(put(&edit, "a\xe2\x82", 0) == 0 && !edit_is_no_text(&edit));
    CHECK(put(&edit, "\xac b", 3) == 0 && !edit_is_no_text(&edit));
    CHECK(put(&edit, "\xff", 6) == 0 && edit_is_no_text(&edit));
    edit_release(&edit);
    edit = start(COMMIT_TEXT, "", true, false);
    CHECK(edit_write(&edit, "a\0b", 3, 0) == 0 && edit_is_no_text(&edit));
    edit_release(&edit);
    /* Zeros that a later write fills, as tilde makes them. */
    edit = start(COMMIT_TEXT, "", true, false);
    CHECK(edit_resize(&edit, 8) == 0 && put(&edit, "ab", 0) == 0 && !edit_is_no_text(&edit));
    edit_release(&edit);
    edit = start(COMMIT_TEXT, "", true, false);
    CHECK(put(&edit, "\xc3", 0) == 0 && !edit_is_no_text(&edit));
    CHECK(put(&edit, "\xc3x", 0) == 0 && edit_is_no_text(&edit));
    edit_release(&edit);
}

/* What is written while a save is under way is to be saved yet, however it is written. */
static void written_during_a_save(void)
{
    static const struct {
        const char *name, *wanted;
        bool append;
    } ways[] = {{"behind", "onetwo", false},
                {"over", "two", false},
                {"append", "onetwo", true},
                {"emptied", "", false},
                {"nothing", "one", false}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct edit edit = start(COMMIT_TEXT, "", true, ways[i].append);
        CHECK(put(&edit, "one", 0) == 0);
        edit_send(&edit);
        if (strcmp(ways[i].name, "emptied") == 0)
            CHECK(edit_resize(&edit, 0) == 0);
        else if (strcmp(ways[i].name, "nothing") != 0)
            CHECK(put(&edit, "two", i == 1 ? 0 : 3) == 0);
        bool more = strcmp(ways[i].name, "nothing") != 0;
        CHECK(edit_has_more(&edit) == more);
        edit_saved(&edit);
        CHECK_TEXT(edit.text.data, ways[i].wanted);
        CHECK(edit_due_at_fsync(&edit) == more && edit_due_at_flush(&edit, SHELL) == more);
        edit_send(&edit);
        edit_saved(&edit);
        CHECK(!edit_due_at_fsync(&edit));
        edit_release(&edit);
    }
}

static void another_handle_saves(void)
{
    /* Nothing written yet: it goes on from there. */
    struct edit edit = start(COMMIT_TEXT, "old\n", false, false);
    CHECK(edit_follow(&edit, "theirs\n", 7) && !edit_due_at_flush(&edit, SHELL));
    CHECK_TEXT(edit.text.data, "theirs\n");
    edit_release(&edit);
    /* A whole text, begun or written, is its own. */
    edit = start(COMMIT_TEXT, "old\n", true, false);
    CHECK(edit_follow(&edit, "theirs\n", 7) && !edit_due_at_release(&edit));
    CHECK(put(&edit, "mine\n", 0) == 0 && edit_follow(&edit, "again\n", 6));
    CHECK_TEXT(edit.text.data, "mine\n");
    CHECK(edit_due_at_flush(&edit, SHELL));
    edit_release(&edit);
    /* What is appended goes behind it, also what was saved before. */
    edit = start(COMMIT_TEXT, "old\n", false, true);
    CHECK(put(&edit, "one\n", 0) == 0 && edit_follow(&edit, "a much longer text\n", 19));
    CHECK_TEXT(edit.text.data, "a much longer text\none\n");
    CHECK(edit_due_at_flush(&edit, SHELL));
    edit_send(&edit);
    edit_saved(&edit);
    CHECK(put(&edit, "two\n", 0) == 0 && edit_follow(&edit, "x\n", 2));
    CHECK_TEXT(edit.text.data, "x\ntwo\n");
    edit_release(&edit);
}

/* A write at the end of what another handle has saved. */
static void written_behind_the_end(void)
{
    struct edit edit = start(COMMIT_TEXT, "old", false, false);
    CHECK(put(&edit, "new", 0) == 0);
    edit_fill(&edit, "a longer text", 13, 8);
    CHECK(put(&edit, "!", 8) == 0 && !edit.holed);
    CHECK_TEXT(edit.text.data, "newonger!");
    edit_release(&edit);
    /* What this one has cut off since does not come back. */
    edit = start(COMMIT_TEXT, "old", false, false);
    CHECK(edit_resize(&edit, 0) == 0);
    edit_fill(&edit, "a longer text", 13, 8);
    CHECK(put(&edit, "!", 8) == 0 && edit.holed && edit.text.data[0] == '\0');
    edit_release(&edit);
}

int main(void)
{
    shell_text();
    shell_line();
    emptied();
    cut_afterwards();
    append();
    limits_and_stickiness();
    not_a_text();
    written_during_a_save();
    another_handle_saves();
    written_behind_the_end();
    return check_result();
}
