/* SPDX-License-Identifier: MIT */
#include "process_file.h"

#include "base/banned.h"
#include "base/cleanup.h"

#include <fcntl.h>

bool process_file_read(pid_t thread, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)thread, name);
    cleanup_close int fd = thread > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd >= 0 ? read(fd, text, size - 1) : -1;
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}
