/* SPDX-License-Identifier: MIT */
#include "leftover.h"

#include "member.h"

#include <ctype.h>
#include <fnmatch.h>

/* Beside any file. */
static const char *const patterns[] = {
    "*~",
    ".#*",
    "#*#",
    ".*.sw?",
    ".*.sw?x",
    ".*.kate-swp",
    ".~lock.*#",
    ".tmp.*",
    "*___jb_???___",
    ".goutputstream-??????",
    "tilde-backup-*",
    ".nfs*",
    ".fuse_hidden*",
};

/* Behind an attribute's name; random characters are found apart. */
static const char *const suffixes[] = {
    ".bak",         ".bck", ".lock", ".new",    ".old",     ".orig",   ".rej",  ".save",
    ".save.[0-9]*", ".swp", ".tmp",  ".gawk.*", ".o[0-9]*", ".[0-9]*", "*.bck", "[+_-]",
};

static bool matches(const char *name, const char *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fnmatch(all[i], name, FNM_NOESCAPE) == 0)
            return true;
    }
    return false;
}

/* Of mktemp(3) and the like. Words are not: a capital or digit must stand inside one. */
static bool is_random(const char *text, size_t least, size_t most)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    bool mixed = false;
    if (text[length] || length < least || length > most)
        return false;
    for (size_t i = 1; i + 1 < length; i++)
        mixed |= isdigit((unsigned char)text[i]) || isupper((unsigned char)text[i]);
    return mixed;
}

static bool is_temporary(const char *name)
{
    static const struct {
        const char *prefix;
        size_t length;
    } rows[] = {{"sed", 6}, {"tmp", 8}, {"Cu", 6}, {"XX", 6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t prefix = strlen(rows[i].prefix);
        if (strncmp(name, rows[i].prefix, prefix) == 0 &&
            is_random(name + prefix, rows[i].length, rows[i].length))
            return true;
    }
    return false;
}

/* Vim tries whether it can make files: 4913, and 123 more as long as that is taken. */
static bool is_trial(const char *name)
{
    size_t length = strlen(name);
    if (length < 4 || length > 6 || strspn(name, "0123456789") != length)
        return false;
    long number = strtol(name, NULL, 10);
    return number >= 4913 && (number - 4913) % 123 == 0;
}

static bool is_beside_attribute(const char *name)
{
    size_t count;
    bool hidden = name[0] == '.';
    const struct member *members = members_of(NODE_REGISTRY, &count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(members[i].name);
        if (!members[i].editing || strncmp(name + hidden, members[i].name, length) != 0)
            continue;
        const char *rest = name + hidden + length;
        if ((hidden && rest[0] == '.') ||
            matches(rest, suffixes, sizeof suffixes / sizeof *suffixes))
            return true;
        if (is_random(rest + (rest[0] == '.' || rest[0] == '-'), 6, 12))
            return true;
    }
    return false;
}

bool name_is_leftover(const char *name)
{
    return matches(name, patterns, sizeof patterns / sizeof *patterns) || is_temporary(name) ||
           is_trial(name) || is_beside_attribute(name);
}
