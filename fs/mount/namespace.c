/* SPDX-License-Identifier: MIT */
#include "namespace.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>

static bool write_file(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* The first byte of a sysctl; '\0': there is none. */
static char read_switch(const char *path)
{
    char value = '\0';
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &value, 1) == 1 ? value : '\0';
}

static void explain_refusal(int error_number, char *message, size_t size)
{
    const char *missing = "the container's seccomp or AppArmor profile, or a chroot, forbids it: "
                          "allow unshare(CLONE_NEWUSER) and mount, or add CAP_SYS_ADMIN";
    if (error_number == ENOSPC || read_switch("/proc/sys/user/max_user_namespaces") == '0')
        missing = "set sysctl user.max_user_namespaces above what is in use, or add CAP_SYS_ADMIN";
    else if (read_switch("/proc/sys/kernel/unprivileged_userns_clone") == '0')
        missing = "set sysctl kernel.unprivileged_userns_clone=1, or add CAP_SYS_ADMIN";
    else if (error_number == EINVAL || error_number == ENOSYS)
        missing = "this kernel has none: add CAP_SYS_ADMIN";
    snprintf(message, size, "no permission for a user namespace (%s): %s", strerror(error_number),
             missing);
}

/* The same user and group inside as outside. */
static bool map_identity(uid_t user, gid_t group)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "%u %u 1", user, user);
    snprintf(groups, sizeof groups, "%u %u 1", group, group);
    return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", users) &&
           write_file("/proc/self/gid_map", groups);
}

enum namespace_result namespace_enter(char *message, size_t size)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    mountpoint_raise_privilege();
    if (unshare(CLONE_NEWNS) < 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
            explain_refusal(errno, message, size);
            return NAMESPACE_FORBIDDEN;
        }
        if (!map_identity(user, group)) {
            snprintf(message, size, "no permission to map user %u into a user namespace (%s): %s",
                     user, strerror(errno),
                     user == 0
                         ? "run as another user than root, or add CAP_SETFCAP or CAP_SYS_ADMIN"
                         : "mount /proc writable, or add CAP_SYS_ADMIN");
            return NAMESPACE_UNUSABLE;
        }
    }
    /* What is mounted outside goes on appearing here, what is mounted here stays here. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
        return NAMESPACE_ENTERED;
    /* The root of a plain chroot is no mount, and where its mount begins cannot be seen from in it:
     * what is mounted may appear outside, too, for as long as it lasts, closed to others. */
    if (errno == EINVAL)
        return NAMESPACE_ENTERED;
    snprintf(message, size,
             "no permission to make mounts private (%s): the container's seccomp or AppArmor "
             "profile forbids mount; allow it",
             strerror(errno));
    return NAMESPACE_UNUSABLE;
}
