/* SPDX-License-Identifier: MIT */
#include "mount_table.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define TYPE "fuse.registryfs"

enum { MOST_LINKS = 40, PROBE_LIMIT_MS = 3000 };

/* The table's octal escapes (blank, tab, newline, backslash), in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        unsigned byte;
        int used;
        if (*at == '\\' && sscanf(at + 1, "%3o%n", &byte, &used) == 1 && used == 3) {
            *to = (char)byte;
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

static bool read_line(const char *line, struct mount_entry *entry)
{
    unsigned device_major, device_minor;
    cleanup_free char *place = NULL;
    cleanup_free char *type = NULL;
    const char *rest = strstr(line, " - ");
    if (!rest ||
        sscanf(line, "%d %d %u:%u %*s %ms", &entry->id, &entry->parent, &device_major,
               &device_minor, &place) != 5 ||
        sscanf(rest, " - %ms", &type) != 1)
        return false;
    unescape(place);
    const char *user = strstr(rest, "user_id=");
    entry->device = makedev(device_major, device_minor);
    entry->registryfs = strcmp(type, TYPE) == 0;
    entry->owner = user ? (uid_t)strtoul(user + strlen("user_id="), NULL, 10) : 0;
    entry->place = steal(place);
    entry->type = steal(type);
    return true;
}

bool mount_table_read(struct mount_table *table)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    cleanup_free char *line = NULL;
    size_t size = 0, room = 0;
    *table = (struct mount_table){0};
    while (file && getline(&line, &size, file) > 0) {
        if (table->count == room) {
            room = room ? room * 2 : 64;
            struct mount_entry *grown = reallocarray(table->entries, room, sizeof *table->entries);
            if (!grown) {
                fclose(file);
                return false;
            }
            table->entries = grown;
        }
        if (read_line(line, &table->entries[table->count]))
            table->count++;
    }
    if (file)
        fclose(file);
    return file != NULL;
}

void mount_table_release(struct mount_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->entries[i].place);
        free(table->entries[i].type);
    }
    free(table->entries);
    *table = (struct mount_table){0};
}

static bool has_id(const struct mount_table *table, int id)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].id == id)
            return true;
    }
    return false;
}

/* The mount that lies directly on another one at a path; NULL: none. `below` NULL: on one that the
 * table does not show. */
static const struct mount_entry *next_above(const struct mount_table *table,
                                            const struct mount_entry *below, const char *path)
{
    for (size_t i = table->count; i-- > 0;) {
        const struct mount_entry *entry = &table->entries[i];
        if (entry == below || strcmp(entry->place, path) != 0)
            continue;
        if (below ? entry->parent == below->id && entry->id != entry->parent
                  : entry->id == entry->parent || !has_id(table, entry->parent))
            return entry;
    }
    return NULL;
}

static const struct mount_entry *topmost(const struct mount_table *table,
                                         const struct mount_entry *below, const char *path)
{
    for (const struct mount_entry *above; (above = next_above(table, below, path)) != NULL;)
        below = above;
    return below;
}

const struct mount_entry *mount_table_at(const struct mount_table *table, const char *path)
{
    char prefix[PATH_MAX];
    const struct mount_entry *at = topmost(table, NULL, "/");
    for (const char *end = path; *end;) {
        end += 1 + strcspn(end + 1, "/");
        snprintf(prefix, sizeof prefix, "%.*s", (int)(end - path), path);
        if (strcmp(prefix, "/") != 0)
            at = topmost(table, at, prefix);
    }
    return at;
}

struct walk {
    const struct mount_table *table;
    char done[PATH_MAX]; /* resolved, empty for the root */
    char rest[PATH_MAX];
    int links;
    bool shared_link;
};

static bool too_long(int length, size_t size)
{
    errno = ENAMETOOLONG;
    return length < 0 || (size_t)length >= size;
}

/* Others than the caller and root can put names into the directory. The caller's own group counts
 * as the caller: with private groups and umask 002 that is how a home looks. */
static bool others_can_write(const char *directory)
{
    struct stat attributes;
    if (stat(*directory ? directory : "/", &attributes) < 0)
        return true;
    if (attributes.st_uid != 0 && attributes.st_uid != geteuid())
        return true;
    return (attributes.st_mode & S_IWOTH) ||
           ((attributes.st_mode & S_IWGRP) && attributes.st_gid != getegid() &&
            attributes.st_gid != 0);
}

/* Puts a link's target in front of what is left. */
static bool follow(struct walk *walk, const char *target)
{
    char rest[PATH_MAX];
    if (++walk->links > MOST_LINKS) {
        errno = ELOOP;
        return false;
    }
    if (!walk->rest[strspn(walk->rest, "/")] && others_can_write(walk->done))
        walk->shared_link = true;
    if (too_long(snprintf(rest, sizeof rest, "%s/%s", target, walk->rest), sizeof rest))
        return false;
    snprintf(walk->rest, sizeof walk->rest, "%s", rest);
    if (target[0] == '/')
        walk->done[0] = '\0';
    return true;
}

static void leave(struct walk *walk)
{
    char *slash = strrchr(walk->done, '/');
    if (slash)
        *slash = '\0';
}

static bool enter(struct walk *walk, const char *name)
{
    char path[PATH_MAX], target[PATH_MAX];
    if (too_long(snprintf(path, sizeof path, "%s/%s", walk->done, name), sizeof path))
        return false;
    const struct mount_entry *mount = mount_table_at(walk->table, path);
    /* Where a mount begins there is no link, and what is dead there must not be asked. */
    if (!mount || (!mount->registryfs && strcmp(mount->place, path) != 0)) {
        struct stat attributes;
        if (lstat(path, &attributes) < 0)
            return false;
        ssize_t length =
            S_ISLNK(attributes.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
        if (length >= 0) {
            target[length] = '\0';
            return follow(walk, target);
        }
        if (!S_ISDIR(attributes.st_mode) && *walk->rest) {
            errno = ENOTDIR;
            return false;
        }
    }
    snprintf(walk->done, sizeof walk->done, "%s", path);
    return true;
}

/* The first word of what is left. */
static bool take_word(struct walk *walk, char *word, size_t size)
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(start, "/");
    if (too_long(snprintf(word, size, "%.*s", (int)length, start), size))
        return false;
    memmove(walk->rest, start + length, strlen(start + length) + 1);
    return true;
}

/* The system call alone: the C library's looks into directories where that fails. */
static bool begin(struct walk *walk, const char *path)
{
    if (path[0] != '/' && syscall(SYS_getcwd, walk->done, sizeof walk->done) < 0)
        return false;
    if (path[0] != '/' && walk->done[0] != '/') {
        errno = ENOENT; /* "(unreachable)" */
        return false;
    }
    if (strcmp(walk->done, "/") == 0)
        walk->done[0] = '\0';
    errno = ENOENT;
    return *path &&
           !too_long(snprintf(walk->rest, sizeof walk->rest, "%s", path), sizeof walk->rest);
}

bool mount_table_resolve(const struct mount_table *table, const char *path,
                         struct mount_place *found)
{
    struct walk walk = {.table = table};
    char word[NAME_MAX + 1];
    if (!begin(&walk, path))
        return false;
    while (*walk.rest) {
        if (!take_word(&walk, word, sizeof word))
            return false;
        if (strcmp(word, "..") == 0)
            leave(&walk);
        else if (*word && strcmp(word, ".") != 0 && !enter(&walk, word))
            return false;
    }
    snprintf(found->path, sizeof found->path, "%s", *walk.done ? walk.done : "/");
    found->mount = mount_table_at(table, found->path);
    found->shared_link = walk.shared_link;
    return true;
}

bool mount_is_dead(const char *place)
{
    int ends[2];
    char dead = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        struct stat attributes;
        bool is_dead = stat(place, &attributes) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
        ssize_t written = write(ends[1], is_dead ? "d" : "a", 1);
        (void)written; /* nothing said: alive */
        daemon_end_helper(EXIT_MOUNTED);
    }
    close(ends[1]);
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    bool answered = child > 0 && poll(&wait, 1, PROBE_LIMIT_MS) > 0;
    if (answered && read(ends[0], &dead, 1) != 1)
        dead = '\0';
    close(ends[0]);
    if (child > 0 && !answered)
        kill(child, SIGKILL);
    /* One that the mount does not let go stays behind; nobody waits for it. */
    if (child > 0)
        waitpid(child, NULL, answered ? 0 : WNOHANG);
    return dead == 'd';
}
