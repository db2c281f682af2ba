#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""refused.py DIRECTORY FILE WANTED XATTR: every operation that would change a read-only directory or a
file in it fails with errno WANTED; setting extended attributes fails with XATTR."""

import errno
import os
import sys

directory, file, wanted, xattr = sys.argv[1:]
new = os.path.join(directory, "new")
OPERATIONS = {
    "create": lambda: os.open(new, os.O_CREAT | os.O_WRONLY),
    "create exclusively": lambda: os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    "mkdir": lambda: os.mkdir(new),
    "mkfifo": lambda: os.mkfifo(new),
    "mknod": lambda: os.mknod(new, 0o600),
    "symlink": lambda: os.symlink("x", new),
    "link": lambda: os.link(file, new),
    "rename away": lambda: os.rename(file, new),
    "unlink": lambda: os.unlink(file),
    "rmdir": lambda: os.rmdir(directory),
    "open to write": lambda: os.open(file, os.O_WRONLY),
    "open to append": lambda: os.open(file, os.O_RDWR | os.O_APPEND),
    "open to truncate": lambda: os.open(file, os.O_WRONLY | os.O_TRUNC),
    "truncate": lambda: os.truncate(file, 0),
    "chmod": lambda: os.chmod(file, 0o600),
    "chown": lambda: os.chown(file, 1, 1),
    "utime": lambda: os.utime(file),
}
ATTRIBUTES = {
    "setxattr": lambda: os.setxattr(file, "user.x", b"x"),
    "removexattr": lambda: os.removexattr(file, "user.x"),
}
wrong = 0
for operations, expected in ((OPERATIONS, wanted), (ATTRIBUTES, xattr)):
    for name, operation in operations.items():
        try:
            operation()
            found = "no error"
        except OSError as error:
            found = errno.errorcode[error.errno].replace("ENOTSUP", "EOPNOTSUPP")
        if found != expected:
            print(f"{name}: {found}, not {expected}")
            wrong += 1
sys.exit(1 if wrong else 0)
