#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""File handles as NFS servers keep them.

file_handles.py keep FILE      takes handles of the paths on stdin and what is read there, into FILE
file_handles.py open FILE DIR  opens each on the filesystem of DIR; prints how many are right, stale, wrong
"""
import ctypes
import errno
import json
import os
import sys

AT_FDCWD = -100
HANDLE_BYTES = 128

libc = ctypes.CDLL(None, use_errno=True)


class FileHandle(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint), ("kind", ctypes.c_int),
                ("bytes", ctypes.c_ubyte * HANDLE_BYTES)]


def handle_of(path):
    handle = FileHandle(size=HANDLE_BYTES)
    mount = ctypes.c_int()
    if libc.name_to_handle_at(AT_FDCWD, os.fsencode(path), ctypes.byref(handle),
                              ctypes.byref(mount), 0) != 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at", path)
    return handle.kind, bytes(handle.bytes[:handle.size])


def open_handle(directory, kind, data):
    handle = FileHandle(size=len(data), kind=kind)
    handle.bytes[:len(data)] = data
    file = libc.open_by_handle_at(directory, ctypes.byref(handle), os.O_RDONLY)
    if file < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    return file


def read_all(file):
    with os.fdopen(file, "rb") as stream:
        return stream.read().decode()


def keep(target):
    kept = []
    for path in sys.stdin.read().splitlines():
        kind, data = handle_of(path)
        kept.append([kind, data.hex(), read_all(os.open(path, os.O_RDONLY))])
    with open(target, "w", encoding="utf-8") as file:
        json.dump(kept, file)


def open_all(source, directory):
    counts = {"right": 0, "stale": 0, "wrong": 0}
    with open(source, encoding="utf-8") as file:
        kept = json.load(file)
    mount = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    for kind, data, text in kept:
        try:
            outcome = "right" if read_all(open_handle(mount, kind, bytes.fromhex(data))) == text else "wrong"
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            outcome = "stale"
        counts[outcome] += 1
    print(*(f"{name} {count}" for name, count in counts.items()))


if __name__ == "__main__":
    keep(sys.argv[2]) if sys.argv[1] == "keep" else open_all(sys.argv[2], sys.argv[3])
