/* SPDX-License-Identifier: MIT */
#include "mountpoint.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "daemon.h"
#include "mount_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICE        "/dev/fuse"
#define HANDED_DEVICE "/dev/fd/"

/* The numbers of /dev/fuse, part of the kernel's interface. */
enum { MISC_MAJOR = 10, FUSE_MINOR = 229 };

enum { LOCK_TRIES = 50, LOCK_PAUSE_US = 20000 };

static int refuse(char *message, size_t size, const char *path, const char *reason)
{
    snprintf(message, size, "mountpoint %.300s %s", path, reason);
    return EXIT_MOUNT_FAILED;
}

void mountpoint_clear_dead(const char *mountpoint)
{
    cleanup_mount_table struct mount_table table = {0};
    struct mount_place place;
    if (!mount_table_read(&table) || !mount_table_resolve(&table, mountpoint, &place))
        return;
    if (place.mount && place.mount->registryfs && strcmp(place.mount->place, place.path) == 0 &&
        mount_is_dead(place.path))
        kernel_mount_detach(place.path);
}

static int check_device(char *message, size_t size)
{
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno == EACCES || errno == EPERM)
        snprintf(message, size,
                 "no permission for " DEVICE ": in a container, add the device "
                 "(--device " DEVICE ") and CAP_SYS_ADMIN");
    else
        snprintf(message, size,
                 "no " DEVICE " (%s): load the kernel module fuse (modprobe fuse), or in a "
                 "container add the device (--device " DEVICE ")",
                 strerror(errno));
    return EXIT_SYSTEM;
}

/* A descriptor that somebody else has mounted: it is served as it is. */
static int take_handed(struct mountpoint *mountpoint, char *message, size_t size)
{
    struct stat attributes;
    char *end;
    long number = strtol(mountpoint->path + strlen(HANDED_DEVICE), &end, 10);
    if (!*end && number >= 0 && number <= INT_MAX && fstat((int)number, &attributes) == 0 &&
        S_ISCHR(attributes.st_mode) && attributes.st_rdev == makedev(MISC_MAJOR, FUSE_MINOR)) {
        mountpoint->handed = (int)number;
        return 0;
    }
    snprintf(message, size,
             "%.100s is no open " DEVICE
             ": open the device, mount it, and hand the descriptor over",
             mountpoint->path);
    return EXIT_MOUNT_FAILED;
}

void mountpoint_raise_privilege(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, sets) < 0)
        return;
    unsigned wanted = sets[0].permitted & CAP_TO_MASK(CAP_SYS_ADMIN);
    if (!wanted || (sets[0].effective & wanted))
        return;
    sets[0].effective |= wanted;
    syscall(SYS_capset, &header, sets);
}

/* A registryfs mount lies there, or it lies in one. */
static int refuse_mount(const struct mount_place *place, char *message, size_t size)
{
    bool inside = strcmp(place->mount->place, place->path) != 0;
    if (mount_is_dead(place->mount->place))
        return refuse(message, size, place->path,
                      inside ? "is inside a dead mount of registryfs: unmount that first"
                             : "has a dead mount of registryfs on it that only its owner or root "
                               "can take away: unmount it (fusermount3 -u, or umount as root)");
    return refuse(message, size, place->path,
                  inside ? "is inside a mount of registryfs: give a directory elsewhere"
                         : "is already mounted by registryfs: unmount it first (fusermount3 -u), "
                           "or ask how it is (registryfs --status)");
}

static int refuse_unreadable(const struct mount_place *place, int error_number, char *message,
                             size_t size)
{
    char reason[200];
    const char *type = place->mount ? place->mount->type : "unknown type";
    if (error_number == ENOTCONN || error_number == ECONNABORTED)
        snprintf(reason, sizeof reason, "has a dead mount of %.60s on it: unmount that first",
                 type);
    else
        snprintf(reason, sizeof reason, "cannot be read: %s", strerror(error_number));
    return refuse(message, size, place->path, reason);
}

/* Nothing in it that the mount would hide; a fresh volume has lost+found. */
static int check_empty(const struct mountpoint *mountpoint, const struct mount_place *place,
                       char *message, size_t size)
{
    bool is_volume = place->mount && strcmp(place->mount->place, place->path) == 0;
    int fd = openat(mountpoint->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry = NULL;
    if (!directory) {
        int error_number = errno;
        if (fd >= 0)
            close(fd);
        /* Who may not look into it may mount on it all the same. */
        return error_number == EACCES ? 0 : refuse_unreadable(place, error_number, message, size);
    }
    errno = 0;
    while ((entry = readdir(directory)) != NULL) {
        bool nothing = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                       (is_volume && strcmp(entry->d_name, "lost+found") == 0);
        if (!nothing)
            break;
    }
    int error_number = errno;
    closedir(directory);
    if (entry)
        return refuse(message, size, place->path,
                      "is not empty: give an empty directory, or -o nonempty to hide what is in "
                      "it while the mount lasts");
    return error_number ? refuse_unreadable(place, error_number, message, size) : 0;
}

static int resolve(const struct mount_table *table, const char *given, struct mount_place *place,
                   char *message, size_t size)
{
    if (!mount_table_resolve(table, given, place)) {
        snprintf(message, size, "mountpoint %.300s: %s%s", given, strerror(errno),
                 errno == ENOENT ? "; create it with mkdir" : "");
        return EXIT_MOUNT_FAILED;
    }
    if (place->mount && place->mount->registryfs)
        return refuse_mount(place, message, size);
    if (strcmp(place->path, "/") == 0)
        return refuse(message, size, given,
                      "is the root directory, which stays as it is: give an empty directory");
    if (place->shared_link)
        return refuse(message, size, given,
                      "is a symbolic link in a directory that others can write: give the directory "
                      "that is meant");
    return 0;
}

int mountpoint_open(struct mountpoint *mountpoint, const char *given, bool nonempty, char *message,
                    size_t size)
{
    cleanup_mount_table struct mount_table table = {0};
    struct mount_place place;
    *mountpoint = (struct mountpoint){.fd = -1, .handed = -1};
    if (strncmp(given, HANDED_DEVICE, strlen(HANDED_DEVICE)) == 0) {
        snprintf(mountpoint->path, sizeof mountpoint->path, "%s", given);
        return take_handed(mountpoint, message, size);
    }
    mountpoint_raise_privilege();
    mountpoint_clear_dead(given);
    mount_table_read(&table); /* without /proc there is nothing to know */
    int code = resolve(&table, given, &place, message, size);
    if (code)
        return code;
    snprintf(mountpoint->path, sizeof mountpoint->path, "%s", place.path);
    mountpoint->fd = open(place.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mountpoint->fd < 0)
        return errno == ENOTDIR
                   ? refuse(message, size, given, "is not a directory; give an empty directory")
                   : refuse_unreadable(&place, errno, message, size);
    code = nonempty ? 0 : check_empty(mountpoint, &place, message, size);
    return code ? code : check_device(message, size);
}

/* Whoever may read the directory may hold such a lock, so nobody waits for long. */
static int take_lock(const struct mountpoint *mountpoint)
{
    int lock = openat(mountpoint->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; lock >= 0 && i < LOCK_TRIES; i++) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            break;
        usleep(LOCK_PAUSE_US);
    }
    return lock;
}

int mountpoint_check(const struct mountpoint *mountpoint, bool nonempty, int *lock, char *message,
                     size_t size)
{
    cleanup_mount_table struct mount_table table = {0};
    struct mount_place place;
    *lock = -1;
    if (mountpoint->handed >= 0)
        return 0;
    *lock = take_lock(mountpoint);
    mount_table_read(&table);
    int code = resolve(&table, mountpoint->path, &place, message, size);
    return code || nonempty ? code : check_empty(mountpoint, &place, message, size);
}

void mountpoint_close(struct mountpoint *mountpoint)
{
    if (mountpoint->fd >= 0)
        close(mountpoint->fd);
    mountpoint->fd = -1;
}
