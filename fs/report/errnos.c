/* SPDX-License-Identifier: MIT */
#include "errnos.h"

#include <errno.h>

/* The number and its name together: not every C library can name one. */
#define ROW(kind, number) [kind] = {number, #number}

static const struct {
    int number;
    const char *name;
} rows[] = {
    [ERROR_NONE] = {0, "0"},
    ROW(ERROR_NOT_FOUND, ENOENT),
    ROW(ERROR_UNAUTHENTICATED, EACCES),
    ROW(ERROR_FORBIDDEN, EACCES),
    ROW(ERROR_INVALID, EINVAL),
    ROW(ERROR_NOT_PERMITTED, EPERM),
    ROW(ERROR_NAME_TOO_LONG, ENAMETOOLONG),
    ROW(ERROR_EXISTS, EEXIST),
    ROW(ERROR_NOT_EMPTY, ENOTEMPTY),
    ROW(ERROR_STALE, ESTALE),
    ROW(ERROR_TOO_LARGE, EFBIG),
    ROW(ERROR_BUSY, EBUSY),
    ROW(ERROR_SERVER, EIO),
    ROW(ERROR_TIMEOUT, ETIMEDOUT),
    ROW(ERROR_UNREACHABLE, EHOSTUNREACH),
    ROW(ERROR_INTERRUPTED, EINTR),
    ROW(ERROR_REMOTE, EREMOTE),
    ROW(ERROR_LOCAL, EIO),
};

#undef ROW

int errno_of(enum error_kind kind)
{
    return rows[kind].number;
}

const char *errno_name(enum error_kind kind)
{
    return rows[kind].name;
}

bool errno_allows_stale(enum error_kind kind)
{
    return kind == ERROR_UNREACHABLE || kind == ERROR_TIMEOUT || kind == ERROR_BUSY ||
           kind == ERROR_SERVER;
}
