/* SPDX-License-Identifier: MIT */
#include "local_file.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534, NO_USER = 64999 };

static char path[] = "/tmp/registryfs-unit.XXXXXX";

/* How the file is taken by a user who finds it so; root is the only one who can give it away. */
static enum local_file read_as(uid_t reader, uid_t owner, gid_t group, mode_t mode)
{
    cleanup_buf struct buf content;
    struct error error = {0};
    buf_init(&content, 1024);
    CHECK(chown(path, owner, group) == 0 && chmod(path, mode) == 0);
    CHECK(seteuid(reader) == 0);
    enum local_file found = local_file_read_trusted(path, &content, &error);
    CHECK(seteuid(getuid()) == 0);
    CHECK((found == LOCAL_FILE_READ) == (error.kind == ERROR_NONE));
    return found;
}

static void trusts_what_only_we_and_root_can_write(void)
{
    CHECK(read_as(0, 0, 0, 0644) == LOCAL_FILE_READ);
    CHECK(read_as(0, 0, 0, 0664) == LOCAL_FILE_READ);
    CHECK(read_as(NOBODY, 0, 0, 0644) == LOCAL_FILE_READ);
    CHECK(read_as(NOBODY, NOBODY, 0, 0644) == LOCAL_FILE_READ);
    CHECK(read_as(NO_USER, NO_USER, NO_USER, 0664) == LOCAL_FILE_READ);
    CHECK(read_as(NO_USER, NO_USER, NO_USER + 1, 0644) == LOCAL_FILE_READ);
}

static void distrusts_others(void)
{
    CHECK(read_as(0, NOBODY, 0, 0644) == LOCAL_FILE_UNTRUSTED);
    CHECK(read_as(NOBODY, NO_USER, NOBODY, 0644) == LOCAL_FILE_UNTRUSTED);
    CHECK(read_as(0, 0, 0, 0646) == LOCAL_FILE_UNTRUSTED);
    CHECK(read_as(0, 0, NO_USER, 0664) == LOCAL_FILE_UNTRUSTED);
    CHECK(read_as(NO_USER, NO_USER, NO_USER + 1, 0664) == LOCAL_FILE_UNTRUSTED);
    /* Somebody's first group need not be his alone. */
    CHECK(read_as(1, 1, 100, 0664) == LOCAL_FILE_UNTRUSTED);
    /* A member of a group is no owner. */
    CHECK(read_as(NOBODY, NOBODY, NOBODY, 0664) == LOCAL_FILE_UNTRUSTED);
}

int main(void)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
    struct error error = {0};
    cleanup_buf struct buf content;
    buf_init(&content, 1024);
    CHECK(local_file_read_trusted(path, &content, &error) == LOCAL_FILE_READ);
    CHECK(local_file_read_trusted("/nowhere/x", &content, &error) == LOCAL_FILE_ABSENT);
    if (geteuid() == 0) {
        trusts_what_only_we_and_root_can_write();
        distrusts_others();
    }
    unlink(path);
    return check_result();
}
