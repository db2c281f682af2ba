#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every file of an expected tree with the mounted one: compare_texts.py EXPECTED MOUNT
[JSON_NAME].

"~########" in an expected name stands for any hash. Files of the name JSON_NAME need to say the
same as JSON, in the same order, but may be laid out differently.
"""

import json
import os
import re
import sys
import threading

HASH = re.compile(rb"~########$")


def mounted_name(directory, name):
    """The one name in a directory that the expected name stands for; None if there is none."""
    if not HASH.search(name):
        return name
    wanted = re.compile(re.escape(name[:-8]) + rb"[0-9a-f]{8}")
    found = [one for one in os.listdir(directory) if wanted.fullmatch(one)]
    return found[0] if len(found) == 1 else None


def pairs(expected, mounted):
    """(expected file, mounted file or None) for every file."""
    for entry in sorted(os.scandir(expected), key=lambda one: one.name):
        name = mounted_name(mounted, entry.name) if mounted else None
        beside = os.path.join(mounted, name) if name else None
        if entry.is_dir(follow_symlinks=False):
            yield from pairs(entry.path, beside)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path, beside


def ordered(members):
    """Keys in order of their first appearance; of a key that comes twice the last value."""
    return list(dict(members).items())


def meaning(text):
    """A JSON text without its layout; numbers stay texts; the text itself if it is no JSON."""
    def refuse(constant):
        raise ValueError(constant)

    replaced = re.sub(rb"(?i)(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}(?!\\ud[c-f])", rb"\1\\ufffd", text)
    try:
        return json.loads(replaced.decode("utf-8", "surrogateescape"), parse_int=str, parse_float=str,
                          parse_constant=refuse, object_pairs_hook=ordered, strict=False)
    except ValueError:
        return text


def read(path):
    if path is None:
        return b"(no such file)"
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        return b"(%s)" % error.strerror.encode()


def difference(expected, mounted, as_json):
    wanted, found = read(expected), read(mounted)
    if wanted == found or (as_json and meaning(wanted) == meaning(found)):
        return None
    at = next((i for i, (a, b) in enumerate(zip(wanted, found)) if a != b), min(len(wanted), len(found)))
    near = slice(max(at - 40, 0), at + 60)
    return "%s, byte %d: expected %r, found %r" % (os.fsdecode(expected), at, wanted[near], found[near])


def main():
    expected, mounted, json_name = (os.fsencode(one) for one in (sys.argv[1:] + [""])[:3])
    compared, different = 0, []
    for one, other in pairs(expected, mounted):
        compared += 1
        text = difference(one, other, os.path.basename(one) == json_name)
        if text:
            different.append(text)
    print(*different[:20], sep="\n", file=sys.stderr)
    print("%d of %d texts differ" % (len(different), compared), file=sys.stderr)
    os._exit(1 if different or not compared else 0)


# Metadata may be nested deeply.
sys.setrecursionlimit(100000)
threading.stack_size(512 * 1024 * 1024)
thread = threading.Thread(target=main)
thread.start()
thread.join()
sys.exit(2)
