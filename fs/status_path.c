/* SPDX-License-Identifier: MIT */
#include "status_path.h"

#include "base/banned.h"
#include "hash.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fits(int length, size_t size)
{
    return length >= 0 && (size_t)length < size;
}

bool status_mountpoint(const char *mountpoint, char *resolved, size_t size)
{
    char copy[PATH_MAX], parent[PATH_MAX];
    if (!fits(snprintf(copy, sizeof copy, "%s", mountpoint), sizeof copy))
        return false;
    size_t length = strlen(copy);
    while (length > 1 && copy[length - 1] == '/')
        copy[--length] = '\0';
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (strncmp(copy, "/dev/fd/", 8) == 0)
        return fits(snprintf(resolved, size, "%s", copy), size);
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0 || !*last)
        return realpath(copy, parent) && fits(snprintf(resolved, size, "%s", parent), size);
    if (slash)
        *slash = '\0';
    if (!realpath(!slash ? "." : *copy ? copy : "/", parent))
        return false;
    return fits(snprintf(resolved, size, "%s/%s", parent[1] ? parent : "", last), size);
}

bool status_directory(int number, uid_t uid, char *directory, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    switch (number) {
    case 0:
        return runtime && runtime[0] == '/' &&
               fits(snprintf(directory, size, "%s/registryfs", runtime), size);
    case 1:
        return fits(snprintf(directory, size, "/run/user/%u/registryfs", uid), size);
    case 2:
        return fits(snprintf(directory, size, "/run/registryfs"), size);
    default:
        return fits(snprintf(directory, size, "/tmp/registryfs-%u", uid), size);
    }
}

bool status_address(const char *directory, const char *resolved, bool in_namespace,
                    struct sockaddr_un *address)
{
    struct stat namespace = {0};
    char ending[32] = "";
    if (in_namespace && stat("/proc/self/ns/mnt", &namespace) == 0)
        snprintf(ending, sizeof ending, "-%" PRIx64, (uint64_t) namespace.st_ino);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return fits(snprintf(address->sun_path, sizeof address->sun_path, "%s/%016" PRIx64 "%s.socket",
                         directory, hash_bytes(0, resolved, strlen(resolved)), ending),
                sizeof address->sun_path);
}
