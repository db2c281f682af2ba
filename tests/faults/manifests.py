#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the rows of `manifests`, each on a mount of its own.

The environment is a bats test's with a sandbox of seed sample, whose dataset/links holds references. Prints
each cell that deviates; the exit status is 1 then. A list is whole or an error, never a part; references stay
references; and once the server is well again everything is there. manifests.py [NAME...]: these rows.
"""

import errno
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from fault_table import rows
from mounted import Mount, control, outcome

BOUND_S = 60
SOURCE = "acme/dataset/collections/links/versions/v0"
COUNTS = {"ProjectArtifactCollectionVersions": ["project", "artifactCollection", "artifactMemberships", "edges", "*", "node",
                                                "artifact", "fileCount"],
          "RegistryVersions": ["organization", "orgEntity", "artifactMemberships", "edges", "*", "node", "artifact",
                               "fileCount"],
          "ArtifactMembership*": ["project", "artifactCollectionMembership", "artifact", "fileCount"]}


def expected():
    """Path -> the reference, or None for a stored file."""
    for organization in control("GET", "/state")["organizations"]:
        for registry in organization["registries"]:
            for collection in registry["collections"]:
                if collection["name"] == "links":
                    return {file["path"]: file.get("ref") for file in collection["versions"][0]["files"]}
    raise RuntimeError("the seed has no links")


def spoil(fault):
    control("POST", "/schema", {"remove": fault.get("remove", [])})
    control("POST", "/references", fault.get("references", "listed"))
    if "manifest" in fault:
        control("POST", "/faults", {"target": "storage", "operation": "wandb_manifest.json", **fault["manifest"]})
    if "file_count" in fault:
        for operation, path in COUNTS.items():
            control("POST", "/faults", {"target": "graphql", "operation": operation, "times": -1, "kind": "set_at",
                                        "path": path, "value": fault["file_count"]})


def heal():
    control("DELETE", "/faults")
    control("POST", "/schema", {"remove": []})
    control("POST", "/references", "listed")


def walk(top, found):
    """Fills in path -> reference of what is listed; raises what listing fails with."""
    def fail(error):
        raise error

    for folder, _, names in os.walk(top, onerror=fail):
        for name in names:
            path = os.path.join(folder, name)
            try:
                reference = os.getxattr(path, "user.registryfs.ref").decode()
            except OSError as error:
                if error.errno != errno.ENODATA:
                    raise
                reference = None
            found[os.path.relpath(path, top)] = reference


def read(path):
    with open(path, "rb") as file:
        file.read()


def read_all(top, found, by_manifest, failed):
    for path, reference in found.items():
        got = outcome(lambda: read(os.path.join(top, path)), BOUND_S)
        right = ["ok"] if not reference else ["EREMOTE"]
        if reference and reference.startswith("wandb-"):  # the W&B host serves no other artifact's files
            right = ["ok", "EIO"] if by_manifest else ["ok"]
        if got not in right:
            failed.append(f"{path}: {got}")


def check(name, outcomes, fault, wanted):
    wrong = []
    mount = Mount("--no-cache", "--ttl", "600", "--timeout", "8", SOURCE)
    top = mount.path + "/files"
    spoil(fault)
    found = {}
    got = outcome(lambda: walk(top, found), BOUND_S)
    if got not in outcomes:
        wrong.append(f"{got}, not {outcomes}")
    if got == "ok" and found != wanted:
        wrong.append(f"wrong files: {set(found.items()) ^ set(wanted.items())}")
    if got == "ok":
        read_all(top, found, "Artifact.files" in fault.get("remove", []), wrong)
    heal()
    deadline = time.monotonic() + 40
    while True:
        found = {}
        got = outcome(lambda: walk(top, found), BOUND_S)
        if (got == "ok" and found == wanted) or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    if got != "ok" or found != wanted:
        wrong.append(f"afterwards: {got} {set(found.items()) ^ set(wanted.items())}")
    complaint = mount.stop()
    return [f"{name}: {one}" for one in wrong + ([complaint] if complaint else [])]


def main():
    wanted, cells, wrong = expected(), 0, []
    for name, columns, fault in rows("manifests", ("list",)):
        if not sys.argv[1:] or name in sys.argv[1:]:
            cells += 1
            wrong += check(name, columns["list"].split("|"), fault, wanted)
    print("\n".join(wrong), f"{cells} cells, {len(wrong)} deviate", sep="\n")
    sys.exit(1 if wrong or not cells else 0)


if __name__ == "__main__":
    main()
