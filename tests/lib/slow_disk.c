/* SPDX-License-Identifier: MIT */
/* Preloaded into a mount: reading what lies in a disk cache takes as long as the file that
 * SLOW_DISK names exists; SLOW_PART (what is in the path, else "/objects/") is what takes long. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void wait_for_disk(int descriptor)
{
    char name[64], path[PATH_MAX];
    const char *slow = getenv("SLOW_DISK"), *part = getenv("SLOW_PART");
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (!slow || length < 0)
        return;
    path[length] = '\0';
    while (strstr(path, part ? part : "/objects/") && access(slow, F_OK) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
}

ssize_t pread(int descriptor, void *buffer, size_t size, off_t offset)
{
    ssize_t (*next)(int, void *, size_t, off_t);
    *(void **)&next =
        dlsym(RTLD_NEXT, "pread64"); /* what this is called, too: offsets have 64 bits */
    wait_for_disk(descriptor);
    return next(descriptor, buffer, size, offset);
}
