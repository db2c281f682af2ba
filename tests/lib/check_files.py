#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the files of every version in a mount with what the server holds (design 2 and 6).

Usage: check_files.py [--every-way] CONTROL_URL MOUNT ORGANIZATION...

With --every-way each file is also read by cat, cp, dd with odd block sizes, mmap and tail. Shares nothing with registryfs but the design. Each file must have the server's bytes; where the
server contradicts itself (a wrong size or digest) reading must fail with EIO, and for references
that lead elsewhere with EREMOTE. Nothing else may be there. Prints what differs and the numbers.
"""

import base64
import collections
import errno
import hashlib
import mmap
import os
import re
import subprocess
import sys
import tempfile

from expected_tree import fetch, file_name, to_bytes

HASH = re.compile(rb"~[0-9a-f]{8}(?=/|$)")


def is_clean(path):
    return all(part not in ("", ".", "..") for part in path.split("/"))


def shown_paths(files):
    """Escaped path -> file; where a folder must be, no file is shown."""
    clean = [file for file in files if is_clean(file["path"])]
    folders = set()
    for file in clean:
        parts = file["path"].split("/")
        folders.update("/".join(parts[:i]) for i in range(1, len(parts)))
    return {
        b"/".join(file_name(part) for part in file["path"].split("/")): file
        for file in clean
        if file["path"] not in folders
    }


def digest_of(file):
    """The MD5 that the server claims; None: it claims nothing usable."""
    try:
        digest = base64.b64decode(file["digest"], validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == 16 else None


def is_contradictory(file):
    claimed = digest_of(file)
    return file["path"].startswith("size-") or (claimed and claimed != file["md5"])


def read_errno(path, limit=1 << 26):
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read(limit)).hexdigest()
    except OSError as error:
        return errno.errorcode[error.errno]


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout if done.returncode == 0 else None


def by_copy(path):
    with tempfile.TemporaryDirectory() as directory:
        copy = os.path.join(directory, "copy")
        if subprocess.run(["cp", path, copy], check=False).returncode != 0:
            return None
        with open(copy, "rb") as stream:
            return stream.read()


def by_mapping(path):
    with open(path, "rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return b""
        with mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            return mapped[:]


def by_tail(path):
    """The last bytes first: the kernel has nothing of the file yet."""
    size = os.stat(path).st_size
    last = output_of("tail", "-c", str(size // 3), path)
    first = output_of("head", "-c", str(size - size // 3), path)
    return None if last is None or first is None else first + last


WAYS = {
    "tail": by_tail,
    "cat": lambda path: output_of("cat", path),
    "cp": by_copy,
    "dd bs=777": lambda path: output_of("dd", b"if=" + path, "bs=777"),
    "dd bs=65537": lambda path: output_of("dd", b"if=" + path, "bs=65537"),
    "mmap": by_mapping,
}


def forget_pages(path):
    """So that each way asks the filesystem and not the kernel's cache."""
    with open(path, "rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Checker:
    def __init__(self, state, ways):
        self.ways = ways
        self.numbers = collections.Counter()
        self.failed = []
        self.by_id = {}
        for organization in state["organizations"]:
            for registry in organization["registries"]:
                for collection in registry["collections"]:
                    for version in collection["versions"]:
                        self.by_id[version.get("id")] = version

    def expected(self, file):
        """The hash, or the error's name; None: whatever the reference leads to."""
        reference = file.get("ref")
        if not reference:
            return "EIO" if is_contradictory(file) else file["sha256"]
        if not reference.startswith(("wandb-artifact://", "wandb-client-artifact://")):
            return "EREMOTE"
        found = re.match(r"wandb-artifact://((?:[0-9a-f]{2})+)/(.+)", reference)
        target = found and self.by_id.get(base64.b64encode(bytes.fromhex(found[1])).decode())
        for other in target["files"] if target else []:
            if other["path"] == found[2] and not other.get("ref"):
                return other["sha256"]
        return None

    def complain(self, what, path):
        self.failed.append("%s: %r" % (what, path))

    def version(self, directory, version):
        # Also those that the server lists as null nodes: the manifest has them.
        wanted = shown_paths(version["files"])
        there = set()
        for folder, _, names in os.walk(directory, onerror=lambda error: self.complain(error, b"")):
            for name in names:
                path = os.path.join(folder, name)
                there.add(HASH.sub(b"~########", os.path.relpath(path, directory)))
        self.numbers["versions"] += 1
        for path in set(wanted) ^ there:
            # Of two files with one name, or of one that is no Unicode, it is the test's part.
            self.complain("missing" if path in wanted else "not expected", directory + b"/" + path)
        for path in set(wanted) & there:
            self.file(directory + b"/" + path, wanted[path])

    def file(self, path, file):
        if b"~########" in path:
            self.numbers["not read, for its shortened name"] += 1
            return
        expected, found = self.expected(file), read_errno(path)
        if expected is None:
            self.numbers["followed to " + (found if found[0] == "E" else "bytes")] += 1
        elif found != expected:
            self.complain("%s instead of %s" % (found, expected), path)
        else:
            self.numbers["right" if expected[0] != "E" else expected] += 1
            if expected[0] != "E":
                self.every_way(path, expected)

    def every_way(self, path, expected):
        for name, way in self.ways.items():
            forget_pages(path)
            found = way(path)
            self.numbers[name] += 1
            if found is None or hashlib.sha256(found).hexdigest() != expected:
                self.complain("wrong by " + name, path)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--every-way"]
    control, mount, names = arguments[0], os.fsencode(arguments[1]), arguments[2:]
    state = fetch(control + "/state")
    checker = Checker(state, WAYS if "--every-way" in sys.argv else {})
    for organization in state["organizations"]:
        if organization["name"] not in names:
            continue
        for registry in organization["registries"]:
            name = registry["name"]
            if not name or not name.startswith("wandb-registry-") or name == "wandb-registry-":
                continue
            for collection in registry["collections"]:
                if not collection["name"]:
                    continue
                parts = [organization["name"], name[len("wandb-registry-") :]]
                parts = [mount] + [file_name(part) for part in parts]
                parts += [b"collections", file_name(collection["name"]), b"versions"]
                directory = b"/".join(parts)
                if not os.path.isdir(directory) or b"#" in directory or not to_bytes(name):
                    checker.numbers["collections not visited"] += 1
                    continue
                for version in filter(lambda one: one.get("version"), collection["versions"]):
                    place = directory + b"/" + to_bytes(version["version"]) + b"/files"
                    if version.get("state") == "COMMITTED" and os.path.isdir(place):
                        checker.version(place, version)
    for line in sorted(checker.failed):
        print(line)
    print(", ".join("%d %s" % (count, what) for what, count in sorted(checker.numbers.items())))
    sys.exit(1 if checker.failed or not checker.numbers["right"] else 0)


main()
