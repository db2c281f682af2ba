/* SPDX-License-Identifier: MIT */
#include "status_path.h"

#include "base/banned.h"
#include "report/hash.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool fits(int length, size_t size)
{
    return length >= 0 && (size_t)length < size;
}

void status_key(dev_t number, const char *path, char key[STATUS_KEY_SIZE])
{
    struct stat namespace = {0};
    if (number) {
        snprintf(key, STATUS_KEY_SIZE, "%u-%u", major(number), minor(number));
        return;
    }
    stat("/proc/self/ns/mnt", &namespace);
    snprintf(key, STATUS_KEY_SIZE, "%016" PRIx64 "-%" PRIx64, hash_bytes(0, path, strlen(path)),
             (uint64_t) namespace.st_ino);
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

bool status_address(const char *directory, const char *key, struct sockaddr_un *address,
                    socklen_t *size)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t room = sizeof address->sun_path;
    int length = directory ? snprintf(address->sun_path, room, "%s/%s.socket", directory, key)
                           : snprintf(address->sun_path + 1, room - 1, "registryfs/%s", key);
    /* An abstract name has no end: its bytes are counted. */
    *size = directory ? sizeof *address
                      : (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    return fits(length, directory ? room : room - 1);
}
