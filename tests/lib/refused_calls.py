#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""refused_calls.py MANUAL MOUNTPOINT: makes every call of the table CALLS of the manual page in each of
its columns' places and compares what comes with the cell, "yes" or an errno. Both must name the same
calls. The mount shows the seed "sample", to be changed.

refused_calls.py --show MOUNTPOINT prints the table as it should be."""

import ctypes
import errno
import fcntl
import mmap
import os
import re
import socket
import stat
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE = -100, 1, 2
FS_IOC_GETFLAGS, FICLONE = 0x80086601, 0x40049409
O_TMPFILE = 0o20200000
PUNCH_HOLE = 3  # with FALLOC_FL_KEEP_SIZE


class Place:
    """A directory, two of its entries, a name in it and one elsewhere that are free, a file to copy from."""

    def __init__(self, directory, entry, other, elsewhere, source):
        self.entry, self.other = os.path.join(directory, entry), os.path.join(directory, other)
        self.directory, self.new = directory, os.path.join(directory, "free-name")
        self.elsewhere, self.source = os.path.join(elsewhere, "free-name"), source

    def restore(self):
        """What an earlier call took away is back; removed attributes come back by themselves."""
        deadline = time.monotonic() + 10
        while not os.path.lexists(self.entry):
            if "scratch" in self.entry:
                with open(self.entry, "w", encoding="ascii") as file:
                    file.write("hello world\n")
            if time.monotonic() > deadline:
                raise TimeoutError(self.entry + " does not come back")
            time.sleep(0.05)


def places(mount):
    model = mount + "/acme/model"
    churn = model + "/collections/churn"
    source = model + "/id"
    below = [(churn, "description", "type"), (churn + "/versions/v0", "metadata.json", "id"),
             (churn + "/versions/v0/files", "config.json", "README.md"),
             (churn + "/versions/v0/lineage", "linked", "logged_by"), (churn + "/aliases", "production", "latest")]
    return {
        "organization": [Place(mount + "/acme", "model", "dataset", mount + "/Globex Research", source)],
        "attribute": [Place(model, "description", "artifact_types", mount + "/acme/dataset", source)],
        "scratch": [Place(model, "scratch", "id", mount + "/acme/dataset", source)],
        "below": [Place(*entry, model, source) for entry in below],
    }


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def opened(path, flags, action=lambda descriptor: None):
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        return action(descriptor)
    finally:
        os.close(descriptor)


def on_entry(flags, action=lambda descriptor: None):
    return lambda place: opened(place.entry, flags, action)


def makes(make, remove=os.unlink):
    """A call that makes the free name, which is removed again."""
    def call(place):
        make(place)
        remove(place.new)
    return call


def rename(source, target, flags):
    check(LIBC.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags))


def bind(place):
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(place.directory)  # addresses are short
        try:
            server.bind("free-name")
        finally:
            os.chdir("/")


def map_shared(protection):
    return lambda descriptor: mmap.mmap(descriptor, 4, mmap.MAP_SHARED, protection).close()


def once_quiet(call):
    """Until some seconds after the last save each handle of an attribute reads its own text: no mapping is shared."""
    def calls(place):
        last = time.monotonic() + 30
        while True:
            try:
                return call(place)
            except OSError as error:
                if error.errno != errno.ENODEV or time.monotonic() > last or "description" not in place.entry:
                    raise
            time.sleep(0.5)
    return calls


def copy_range(place):
    with open(place.source, "rb") as source:
        opened(place.entry, os.O_WRONLY, lambda target: os.copy_file_range(source.fileno(), target, 5))


def clone(place):
    with open(place.source, "rb") as source:
        opened(place.entry, os.O_WRONLY, lambda target: fcntl.ioctl(target, FICLONE, source.fileno()))


CALLS = {
    "open, O_CREAT": makes(lambda place: opened(place.new, os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
    "open, O_TMPFILE": lambda place: opened(place.directory, O_TMPFILE | os.O_RDWR),
    "open, O_WRONLY": on_entry(os.O_WRONLY),
    "open, O_DIRECT": on_entry(os.O_RDONLY | os.O_DIRECT),
    "mkdir": makes(lambda place: os.mkdir(place.new), os.rmdir),
    "mknod, FIFO": makes(lambda place: os.mkfifo(place.new)),
    "mknod, device": makes(lambda place: os.mknod(place.new, stat.S_IFCHR | 0o600, os.makedev(1, 3))),
    "bind": makes(bind),
    "symlink": makes(lambda place: os.symlink("x", place.new)),
    "link": makes(lambda place: os.link(place.entry, place.new, follow_symlinks=False)),
    "unlink": lambda place: os.unlink(place.entry),
    "rmdir": lambda place: os.rmdir(place.entry),
    "rename, elsewhere": lambda place: os.rename(place.entry, place.elsewhere),
    "RENAME_EXCHANGE": lambda place: rename(place.entry, place.other, RENAME_EXCHANGE),
    "RENAME_NOREPLACE": lambda place: rename(place.entry, place.other, RENAME_NOREPLACE),
    "truncate to 3": lambda place: os.truncate(place.entry, 3),
    "execve": lambda place: subprocess.run([place.entry], check=False),
    "chmod": lambda place: os.chmod(place.entry, 0o755),
    "chown": lambda place: os.chown(place.entry, 1, 1, follow_symlinks=False),
    "utimensat": lambda place: os.utime(place.entry, follow_symlinks=False),
    "setxattr": lambda place: os.setxattr(place.entry, "user.x", b"x"),
    "removexattr": lambda place: os.removexattr(place.entry, "user.x"),
    "fallocate": on_entry(os.O_RDWR, lambda descriptor: check(LIBC.fallocate(descriptor, 0, 0, 8))),
    "fallocate, PUNCH_HOLE": on_entry(os.O_RDWR, lambda descriptor: check(LIBC.fallocate(descriptor, PUNCH_HOLE, 0, 8))),
    "copy_file_range": copy_range,
    "ioctl, FICLONE": clone,
    "ioctl, FS_IOC_GETFLAGS": on_entry(os.O_RDONLY, lambda descriptor: fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8))),
    "fcntl, F_SETLK": on_entry(os.O_RDONLY, lambda descriptor: fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)),
    "flock": on_entry(os.O_RDONLY, lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)),
    "mmap, shared to read": once_quiet(on_entry(os.O_RDONLY, map_shared(mmap.PROT_READ))),
    "mmap, shared to write": on_entry(os.O_RDWR, map_shared(mmap.PROT_READ | mmap.PROT_WRITE)),
    "lseek, SEEK_HOLE": on_entry(os.O_RDONLY, lambda descriptor: os.lseek(descriptor, 0, os.SEEK_HOLE)),
}
# Calls that follow links make no sense for one, and what a directory says of them is the kernel's.
WITHOUT_LINKS = re.compile("open, O_(WRONLY|DIRECT)|link|truncate|chmod|.*xattr|fallocate|copy|ioctl|fcntl|flock|mmap|lseek|execve")


def outcome(call, place):
    place.restore()
    try:
        call(place)
        return "yes"
    except OSError as error:
        return errno.errorcode[error.errno].replace("ENOTSUP", "EOPNOTSUPP")


def outcomes(name, columns):
    """What each column's places bring, in the order of the columns: one word unless they differ."""
    for column in columns.values():
        fitting = [place for place in column if not (os.path.islink(place.entry) and WITHOUT_LINKS.match(name))]
        yield " ".join(sorted({outcome(CALLS[name], place) for place in fitting}))


def table_of(manual):
    """(names of the columns, {call: cells}) of the table below the title Calls."""
    with open(manual, encoding="utf-8") as file:
        text = re.search(r"^\.Ss Calls\n.*?^\.Bd -literal.*?\n(.*?)^\.Ed", file.read(), re.S | re.M)[1]
    head, *rows = [re.split(r"  +", line) for line in text.splitlines()]
    return head[1:], {row[0]: row[1:] for row in rows}


def main():
    columns = places(sys.argv[2])
    if sys.argv[1] == "--show":
        for name in CALLS:
            print(f"{name:24}" + "".join(f"{cell:14}" for cell in outcomes(name, columns)).rstrip())
        return 0
    head, table = table_of(sys.argv[1])
    complaints = [f"not in both: {name}" for name in sorted(set(table) ^ set(CALLS))]
    if head != list(columns):
        complaints.append(f"the columns are {head}")
    for name in [name for name in CALLS if name in table]:
        if name == "mknod, device" and os.geteuid() != 0:
            continue  # the kernel refuses it before it asks
        found = list(outcomes(name, columns))
        complaints += [f"{name}, {column}: {is_now}, not {said}" for column, is_now, said
                       in zip(columns, found, table[name]) if is_now != said]
        if len(table[name]) != len(columns):
            complaints.append(f"{name} has {len(table[name])} cells")
    print("\n".join(complaints + [f"{len(table)} calls, {len(complaints)} complaints"]))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
