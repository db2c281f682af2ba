/* SPDX-License-Identifier: MIT */
#include "mountpoint.h"

#include "base/banned.h"
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICE        "/dev/fuse"
#define HANDED_DEVICE "/dev/fd/"
#define HELPER        "fusermount3"

/* The numbers of /dev/fuse, part of the kernel's interface. */
enum { MISC_MAJOR = 10, FUSE_MINOR = 229 };

extern char **environ;

void mountpoint_clear_dead(const char *mountpoint)
{
    struct stat attributes;
    if (stat(mountpoint, &attributes) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
        return;
    if (umount2(mountpoint, MNT_DETACH) == 0)
        return;
    char *words[] = {(char[]){HELPER}, (char[]){"-uzq"}, (char[]){"--"}, (char *)(size_t)mountpoint,
                     NULL};
    pid_t child;
    if (posix_spawnp(&child, words[0], NULL, NULL, words, environ) == 0)
        waitpid(child, NULL, 0);
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

/* A descriptor that somebody else has mounted: libfuse serves it as it is. */
static int check_handed(const char *mountpoint, char *message, size_t size)
{
    struct stat attributes;
    if (stat(mountpoint, &attributes) == 0 && S_ISCHR(attributes.st_mode) &&
        attributes.st_rdev == makedev(MISC_MAJOR, FUSE_MINOR))
        return 0;
    snprintf(message, size,
             "%.100s is no open " DEVICE
             ": open the device, mount it, and hand the descriptor over",
             mountpoint);
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

int mountpoint_check(const char *mountpoint, char *message, size_t size)
{
    if (strncmp(mountpoint, HANDED_DEVICE, strlen(HANDED_DEVICE)) == 0)
        return check_handed(mountpoint, message, size);
    mountpoint_raise_privilege();
    struct stat attributes;
    mountpoint_clear_dead(mountpoint);
    if (stat(mountpoint, &attributes) < 0) {
        snprintf(message, size, "mountpoint %.300s: %s%s", mountpoint, strerror(errno),
                 errno == ENOENT ? "; create it with mkdir" : "");
        return EXIT_MOUNT_FAILED;
    }
    if (!S_ISDIR(attributes.st_mode)) {
        snprintf(message, size, "mountpoint %.300s is not a directory; give an empty directory",
                 mountpoint);
        return EXIT_MOUNT_FAILED;
    }
    return check_device(message, size);
}

bool mountpoint_has_helper(void)
{
    char candidate[512];
    for (const char *at = getenv("PATH"); at && *at;) {
        size_t length = strcspn(at, ":");
        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, at, HELPER);
        if (access(candidate, X_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

void mountpoint_explain_failure(const char *mountpoint, const char *complaint, char *message,
                                size_t size)
{
    if (geteuid() != 0 && !mountpoint_has_helper())
        snprintf(message, size,
                 "cannot mount at %.300s: fusermount3 is missing, which users other than root "
                 "need; install the package fuse3",
                 mountpoint);
    else
        snprintf(message, size,
                 "cannot mount at %.300s%s%.200s; in a container, mounting needs CAP_SYS_ADMIN; "
                 "allow_other needs user_allow_other in /etc/fuse.conf",
                 mountpoint, *complaint ? ": " : "", complaint);
}
