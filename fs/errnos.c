/* SPDX-License-Identifier: MIT */
#include "errnos.h"

#include <errno.h>

int errno_of(enum error_kind kind)
{
    static const int errnos[] = {
        [ERROR_NONE] = 0,
        [ERROR_NOT_FOUND] = ENOENT,
        [ERROR_UNAUTHENTICATED] = EACCES,
        [ERROR_FORBIDDEN] = EACCES,
        [ERROR_INVALID] = EINVAL,
        [ERROR_NOT_PERMITTED] = EPERM,
        [ERROR_NAME_TOO_LONG] = ENAMETOOLONG,
        [ERROR_EXISTS] = EEXIST,
        [ERROR_NOT_EMPTY] = ENOTEMPTY,
        [ERROR_STALE] = ESTALE,
        [ERROR_TOO_LARGE] = EFBIG,
        [ERROR_BUSY] = EBUSY,
        [ERROR_SERVER] = EIO,
        [ERROR_TIMEOUT] = ETIMEDOUT,
        [ERROR_UNREACHABLE] = EHOSTUNREACH,
        [ERROR_INTERRUPTED] = EINTR,
        [ERROR_REMOTE] = EREMOTE,
        [ERROR_LOCAL] = EIO,
    };
    return errnos[kind];
}

const char *errno_name(int number)
{
    const char *name = strerrorname_np(number);
    return name ? name : "EIO";
}

bool errno_allows_stale(enum error_kind kind)
{
    return kind == ERROR_UNREACHABLE || kind == ERROR_TIMEOUT || kind == ERROR_BUSY ||
           kind == ERROR_SERVER;
}
