#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts null and odd values at every place of every answer that the client reads.

odd.py mount: the operations of a mount's start; it mounts or says why not in one line (beside warnings).
odd.py walk [all]: the others, on a fresh mount each; whatever the server says, looking ends, in errors
of the known kinds at worst, and once it is sane again everything is there. Places come from nullable.js.
"""

import errno
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mounted import Mount, control, outcome

AT_START = ("GetViewer", "ServerFeaturesQuery", "FetchOrgInfoFromEntity", "FetchOrganization")
KNOWN = ("ok", "EIO", "ENOENT")
PASSED_OVER = (errno.ENOENT, errno.EIO)
LONG = "x" * 3000
ODD = {
    "String": ["\ud800\x00\x1b[2J/../%2F\n", LONG, 7],
    "ID": ["", {"a": []}, LONG],
    "Int": [-1, 9223372036854775808, "7"],
    "Int64": [-1, 9223372036854775808, "-9223372036854775809", "x"],
    "Float": [1e300, "NaN", -1],
    "Boolean": ["true", 0, []],
    "JSONString": ["{", "[" * 100 + "]" * 100, "\udc00\x00"],
    "JSON": [[], "{", 1e300],
    "DateTime": ["yesterday", "9999999999-01-01T00:00:00Z", ""],
    "Duration": [-1, "x"],
}
HERE = os.path.dirname(os.path.abspath(__file__))


def cases():
    """(operation, path, value) of everything that is to be tried."""
    output = subprocess.run(["node", os.path.join(HERE, "nullable.js")], check=True, stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        place = json.loads(line)
        for value in [None] + ODD.get(place["scalar"], [[], "x", 7]):
            yield place["operation"], place["path"], value


def put(operation, path, value):
    control("DELETE", "/faults")
    control("POST", "/faults", {"target": "graphql", "kind": "set_at", "times": -1, "operation": operation,
                                "path": path, "value": value})


def look_at(path, depth, seen):
    """Reads a file, link or directory and `depth` levels below, past errors of the known kinds."""
    try:
        os.listxattr(path, follow_symlinks=False)
        if os.path.islink(path):
            seen[path] = os.readlink(path)
        elif os.path.isdir(path):
            names = os.listdir(path) if depth else []
            seen[path] = sorted(names)
            for name in names:
                look_at(os.path.join(path, name), depth - 1, seen)
        else:
            with open(path, "rb") as file:
                seen[path] = file.read()
                assert len(seen[path]) == os.fstat(file.fileno()).st_size, path
    except OSError as error:
        if error.errno not in PASSED_OVER:
            raise


# What asks each operation: a path and how deep to look.
REACHED_BY = {
    "FetchRegistries": ("acme", 2),
    "ProjectArtifactCollectionVersions": ("acme/model/collections/churn/versions/v0", 1),
    "RegistryCollections": ("acme/model/collections", 2),
    "ArtifactMembershipByName": ("acme/model/versions/churn:v0", 1),
    "RegistryVersions": ("acme/model/collections/churn/versions", 2),
}


def look(root, operation):
    """What is there when it is asked for again."""
    path, depth = REACHED_BY[operation]
    seen = {}
    os.utime(root + "/acme")
    look_at(os.path.join(root, path), depth, seen)
    return {path[len(root):]: content for path, content in seen.items()}


def walk_cases(everything):
    """Null everywhere and, unless everything is wanted, one odd value, another one at each place."""
    last, number = None, 0
    for operation, path, value in cases():
        if operation not in REACHED_BY:
            continue
        number = number + 1 if path == last else 0
        last = path
        if everything or number == 0 or number == 1 + hash_of(path) % 3:
            yield operation, path, value


def hash_of(path):
    return sum(map(ord, "".join(path)))


def try_look(before, case):
    """What is wrong with a fresh mount's first look, and the look after that, or None."""
    operation = case[0]
    put(*case)
    mount = Mount("--ttl", "600", "--negative-ttl", "0", "--timeout", "20")
    found = outcome(lambda: look(mount.path, operation), 60)
    hits = sum(fault["hits"] for fault in control("GET", "/faults"))
    control("DELETE", "/faults")
    after = look(mount.path, operation)
    differs = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    complaint = mount.stop()
    if found in KNOWN and hits and not differs and not complaint:
        return None
    asked = [request["operation"] for request in control("GET", "/requests?last=6&target=graphql")]
    return f"{found}, {hits} hits, differs afterwards: {differs[:3]}, {complaint}, {asked}"


def walk(everything):
    control("DELETE", "/faults")
    mount = Mount()
    before = {operation: look(mount.path, operation) for operation in REACHED_BY}
    wrong, count = [complaint for complaint in [mount.stop()] if complaint], 0
    for case in walk_cases(everything):
        count += 1
        complaint = try_look(before[case[0]], case)
        if complaint:
            wrong.append(f"{case[0]} {case[1]} {str(case[2])[:40]!r}: {complaint}")
    return wrong, count


def try_mount(case):
    """What is wrong with how a mount starts, or None."""
    source = ["acme"] if case[0] == "FetchOrganization" else []
    put(*case)
    try:
        mount = Mount("--timeout", "5", *source)
    except RuntimeError as error:
        lines = str(error).splitlines()
        last = lines[-1]
        said = [line for line in lines if not re.search(r"registryfs (warning|info): ", line)]
        return None if len(said) == 1 and "registryfs: " in last else str(error)
    os.listdir(mount.path)
    control("DELETE", "/faults")
    return mount.stop()


def mount_all():
    wrong, count = [], 0
    for case in cases():
        if case[0] in AT_START:
            count += 1
            complaint = try_mount(case)
            if complaint:
                wrong.append(f"{case[0]} {case[1]} {str(case[2])[:40]!r}: {complaint}")
    control("DELETE", "/faults")
    return wrong, count


def main():
    signal.alarm(600)
    wrong, count = mount_all() if sys.argv[1] == "mount" else walk(len(sys.argv) > 2)
    print("\n".join(wrong), f"{count} values tried, {len(wrong)} complaints", sep="\n")
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
