/* SPDX-License-Identifier: MIT */
#include "local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>

enum { PIPE_WAIT_MS = 5000 };

static char *home_directory(void)
{
    const char *home = getenv("HOME");
    if (home && *home)
        return strdup(home);
    char space[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    if (getpwuid_r(getuid(), &entry, space, sizeof space, &found) != 0 || !found)
        return NULL;
    return strdup(found->pw_dir);
}

char *path_expand_home(const char *path)
{
    if (path[0] != '~' || (path[1] && path[1] != '/'))
        return strdup(path);
    cleanup_free char *home = home_directory();
    char *expanded = NULL;
    if (!home || asprintf(&expanded, "%s%s", home, path + 1) < 0)
        return NULL;
    return expanded;
}

struct file_stamp local_file_stamp(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return (struct file_stamp){0};
    return (struct file_stamp){.device = status.st_dev,
                               .inode = status.st_ino,
                               .size = status.st_size,
                               .modified = status.st_mtim};
}

bool file_stamp_equal(const struct file_stamp *one, const struct file_stamp *other)
{
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           one->modified.tv_sec == other->modified.tv_sec &&
           one->modified.tv_nsec == other->modified.tv_nsec;
}

/* Bytes read, 0 at the end, -1 with errno. */
static ssize_t read_some(int fd, char *bytes, size_t size)
{
    for (;;) {
        ssize_t count = read(fd, bytes, size);
        if (count >= 0)
            return count;
        if (errno == EAGAIN) {
            if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PIPE_WAIT_MS) <= 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

static int read_all(int fd, const char *path, struct buf *content, struct error *error)
{
    size_t size = 0;
    /* The whole room at once: growing would leave copies behind. */
    if (!buf_resize(content, content->ceiling))
        return error_set(error, ERROR_LOCAL, "no memory to read %s", path);
    for (;;) {
        if (size == content->ceiling)
            return error_set(error, ERROR_LOCAL, "%s is larger than %zu bytes", path, size);
        ssize_t count = read_some(fd, content->data + size, content->ceiling - size);
        if (count < 0)
            return error_set(error, ERROR_LOCAL, "cannot read %s: %m", path);
        if (count == 0)
            break;
        size += (size_t)count;
    }
    buf_resize(content, size);
    return 0;
}

/* Whether a group is its owner's alone, as distributions make one for each user. */
static bool is_private_group(gid_t group, uid_t owner)
{
    char user_space[4096], group_space[16384];
    struct passwd user, *found_user = NULL;
    struct group entry, *found_group = NULL;
    if (getpwuid_r(owner, &user, user_space, sizeof user_space, &found_user) != 0 ||
        getgrgid_r(group, &entry, group_space, sizeof group_space, &found_group) != 0)
        return false;
    if (!found_user || !found_group)
        return !found_user && !found_group && group == owner;
    for (char **member = entry.gr_mem; *member; member++) {
        if (strcmp(*member, user.pw_name) != 0)
            return false;
    }
    return user.pw_gid == group && strcmp(entry.gr_name, user.pw_name) == 0;
}

static int check_trust(int fd, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set(error, ERROR_LOCAL, "cannot look at %s: %m", path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return error_set(error, ERROR_LOCAL,
                         "%s belongs to user %u, neither to you nor to root: it is not trusted; "
                         "chown it",
                         path, (unsigned)status.st_uid);
    if ((status.st_mode & S_IWOTH) ||
        ((status.st_mode & S_IWGRP) && !is_private_group(status.st_gid, status.st_uid)))
        return error_set(error, ERROR_LOCAL,
                         "%s can be written by others than its owner: it is not trusted; "
                         "chmod go-w it",
                         path);
    return 0;
}

static enum local_file read_file(const char *path, bool trusted, struct buf *content,
                                 struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return LOCAL_FILE_ABSENT;
    /* Without O_NONBLOCK a named pipe without a writer would hang us. */
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        error_set(error, ERROR_LOCAL, "cannot open %s: %m", path);
    else if (trusted && check_trust(fd, path, error) != 0)
        return LOCAL_FILE_UNTRUSTED;
    else if (read_all(fd, path, content, error) == 0)
        return LOCAL_FILE_READ;
    return LOCAL_FILE_FAILED;
}

enum local_file local_file_read(const char *path, struct buf *content, struct error *error)
{
    return read_file(path, false, content, error);
}

enum local_file local_file_read_trusted(const char *path, struct buf *content, struct error *error)
{
    return read_file(path, true, content, error);
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count < 0 && errno != EINTR)
            return -1;
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    return fsync(fd);
}

int local_file_replace(const char *path, const char *bytes, size_t size, struct error *error)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    cleanup_free char *temporary = NULL;
    if (!directory || asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        temporary = NULL;
        return error_set(error, ERROR_LOCAL, "no memory");
    }
    if (slash > path)
        mkdir(directory, 0700);
    cleanup_close int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return error_set(error, ERROR_LOCAL, "cannot write %s: %m", path);
    if (write_all(fd, bytes, size) == 0 && rename(temporary, path) == 0)
        return 0;
    error_set(error, ERROR_LOCAL, "cannot write %s: %m", path);
    unlink(temporary);
    return -1;
}

void secret_release(struct buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->capacity);
    buf_release(buf);
}

void secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
