/* SPDX-License-Identifier: MIT */
/* Any server name becomes a name that a directory can hold, and comes back from it (design 2). */
#include "text/name.h"
#include "base/banned.h"
#include "fuzz.h"

static void must_be_a_file_name(const char *name)
{
    size_t length = strlen(name);
    must(length > 0 && length <= NAME_LIMIT);
    must(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    for (size_t i = 0; i < length; i++)
        must((unsigned char)name[i] >= 0x20 && name[i] != 0x7f && name[i] != '/');
}

static void there_and_back(struct text original)
{
    char escaped[NAME_LIMIT + 1], salted[NAME_LIMIT + 1];
    struct text again;
    name_escape(original, 0, escaped);
    must_be_a_file_name(escaped);
    name_escape(original, 1, salted);
    must_be_a_file_name(salted);
    if (name_needs_listing(escaped))
        return;
    must(name_unescape(escaped, &again));
    must(text_equal(original, again));
    free((char *)(uintptr_t)again.bytes);
}

/* What somebody types is at most one server name's file name. */
static void back_and_there(const char *typed)
{
    struct text original;
    char escaped[NAME_LIMIT + 1];
    if (!name_unescape(typed, &original))
        return;
    name_escape(original, 0, escaped);
    must(strcmp(typed, escaped) == 0);
    free((char *)(uintptr_t)original.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cleanup_free char *text = fuzz_string(data, size);
    there_and_back((struct text){text, size});
    back_and_there(text);
    return 0;
}
