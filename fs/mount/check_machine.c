/* SPDX-License-Identifier: MIT */
#include "check_machine.h"

#include "answer/read_content.h"
#include "content/disk_space.h"
#include "daemon.h"
#include "kernel_mount.h"
#include "namespace.h"
#include "report/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* By a child, which alone moves there. */
static bool can_enter_namespace(void)
{
    char message[256];
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        daemon_end_helper(namespace_enter(message, sizeof message) == NAMESPACE_ENTERED
                              ? EXIT_MOUNTED
                              : EXIT_SYSTEM);
    return child > 0 && waitpid(child, &status, 0) == child && status == EXIT_MOUNTED;
}

void check_device(struct findings *findings)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    int reason = errno;
    char found[128];
    if (device < 0) {
        snprintf(found, sizeof found, "/dev/fuse: %s", strerror(reason));
        findings_add(findings, FINDING_DEGRADED, "fuse", found,
                     reason == ENOENT
                         ? "nothing can be mounted: load the kernel's module (modprobe "
                           "fuse), give the container /dev/fuse, or use registryfs get"
                         : "nothing can be mounted: /dev/fuse must be open to this "
                           "user and this container, or use registryfs get");
        return;
    }
    close(device);
    if (privilege_to_mount())
        findings_add(findings, FINDING_WELL, "fuse",
                     "/dev/fuse can be opened, and mount(2) is allowed (CAP_SYS_ADMIN)", NULL);
    else if (geteuid() != 0 && kernel_mount_has_helper())
        findings_add(findings, FINDING_WELL, "fuse",
                     "/dev/fuse can be opened, and fusermount3 mounts for this user", NULL);
    else if (can_enter_namespace())
        findings_add(findings, FINDING_DEGRADED, "fuse",
                     "/dev/fuse can be opened, but only registryfs run can mount (user namespaces)",
                     geteuid() ? "for more than that install fuse3"
                               : "for more than that the container needs CAP_SYS_ADMIN");
    else
        findings_add(findings, FINDING_DEGRADED, "fuse",
                     "/dev/fuse can be opened, but this user may not mount",
                     geteuid() ? "install fuse3, allow user namespaces, or use registryfs get"
                               : "the container needs CAP_SYS_ADMIN; or use registryfs get");
}

/* The directory, or the nearest above it that is there: on that disk, and by these rights, it would
 * be made. */
static void nearest(char path[PATH_MAX])
{
    while (access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash)
            snprintf(path, PATH_MAX, ".");
        else
            slash[slash == path] = '\0';
    }
}

void check_cache(struct findings *findings, const struct options *options)
{
    char directory[PATH_MAX], place[PATH_MAX], found[PATH_MAX + 128], message[1024];
    if (!read_file_cache_directory(options, directory)) {
        bool wanted = !options->no_cache && options->cache_size > 0;
        findings_add(findings, wanted ? FINDING_DEGRADED : FINDING_WELL, "cache",
                     wanted ? "none: neither XDG_CACHE_HOME nor HOME is set" : "none, by option",
                     wanted ? "every read asks the storage again: give --cache-dir" : NULL);
        return;
    }
    memcpy(place, directory, sizeof place);
    nearest(place);
    if (!read_file_cache_is_safe(options, message, sizeof message)) {
        findings_add(findings, FINDING_UNUSABLE, "cache", message, NULL);
        return;
    }
    if (access(place, W_OK | X_OK) != 0) {
        snprintf(found, sizeof found, "%s: %s", directory, strerror(errno));
        findings_add(findings, FINDING_DEGRADED, "cache", found,
                     "nothing is kept: give a directory of this user's with --cache-dir");
        return;
    }
    uint64_t room = disk_space_free(place);
    snprintf(found, sizeof found, "%s, at most %llu MiB; its disk has room for %llu MiB more",
             directory, (unsigned long long)options->cache_size >> 20,
             (unsigned long long)room >> 20);
    findings_add(findings, room ? FINDING_WELL : FINDING_DEGRADED, "cache", found,
                 room ? NULL
                      : "a tenth of each disk is left free, so that nothing is kept: make room");
}
