#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the rows of `files`, all at once: each reads a file of its own on a mount of its own.

The environment is a bats test's with a sandbox of seed large that has a file for each row. Prints each cell
that deviates; the exit status is 1 then. Whatever the storage does, no wrong byte may be read, and once it
is well again the file is there.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from fault_table import Proxy, certificate, rows
from mounted import Mount, control, outcome

BOUND_S = 75  # of a read (design 5: 60 s), on a machine that does much else
URL_PATHS = {"ArtifactMembershipFile*": ["project", "artifactCollection", "artifactMembership", "files", "edges", "*",
                                         "node", "directUrl"],
             "ArtifactFile*": ["artifact", "files", "edges", "*", "node", "directUrl"]}


def source():
    """The directory with the files, as a mount's SOURCE."""
    organization = control("GET", "/state")["organizations"][0]
    registry = organization["registries"][0]
    collection = registry["collections"][0]["name"]
    return f"{organization['name']}/{registry['name'].removeprefix('wandb-registry-')}/collections/{collection}/versions/v0/files"


def read(path, content):
    with open(path, "rb") as file:
        content.append(file.read())


class Cell:
    """One row: a mount, and a file whose text tells its number."""

    def __init__(self, number, row, folder):
        self.name, expected, self.fault = row
        self.expected = expected["read"].split("|")
        self.text = f"{number} ".encode()
        self.path = f"d0/s0/f{number:06}.bin"
        self.mount = Mount("--no-cache", "--ttl", "600", folder)

    def is_right(self, content):
        return content == (self.text * len(content))[:len(content)] and content

    def spoil(self, places):
        """Lets the file's storage fail, or its URL lead elsewhere."""
        url = self.fault.get("url")
        if url:
            for operation, path in URL_PATHS.items():
                control("POST", "/faults", {"target": "graphql", "operation": operation, "times": -1, "kind": "set_at",
                                            "path": path, "value": url.format(**places)})
        elif self.fault:
            control("POST", "/faults", {"target": "storage", "operation": self.path, "times": -1, **self.fault})

    def look(self):
        content, start = [], time.monotonic()
        found = outcome(lambda: read(f"{self.mount.path}/{self.path}", content), BOUND_S)
        if found not in self.expected:
            return f"{self.name}: {found} after {time.monotonic() - start:.1f} s, not {self.expected}"
        return f"{self.name}: wrong bytes" if content and not self.is_right(content[0]) else None

    def look_again(self):
        """Without the fault; who failed before may still be waited for."""
        content, deadline = [], time.monotonic() + 40
        while outcome(lambda: read(f"{self.mount.path}/{self.path}", content), BOUND_S) != "ok":
            if time.monotonic() > deadline:
                return f"{self.name}: not readable afterwards"
            time.sleep(0.5)
        return None if self.is_right(content[0]) else f"{self.name}: wrong bytes afterwards"


def check(cells, places):
    """Spoils all, looks at all at once; what is wrong."""
    control("POST", "/faults", {"target": "artifacts", "operation": "*", "times": -1, "kind": "status", "status": 503})
    for cell in cells:
        cell.spoil(places)
    with ThreadPoolExecutor(len(cells)) as pool:
        wrong = list(pool.map(Cell.look, cells))
        control("DELETE", "/faults")
        wrong += pool.map(Cell.look_again, cells)
        wrong += pool.map(lambda cell: cell.mount.stop(), cells)
    return [complaint for complaint in wrong if complaint]


def main():
    folder = source()
    with ThreadPoolExecutor(4) as pool:
        cells = list(pool.map(lambda one: Cell(one[0], one[1], folder), enumerate(row for row in rows("files", ("read",))
                                                                                     if not sys.argv[1:] or row[0] in sys.argv[1:])))
    untrusted, closed = Proxy(os.environ["WANDB_BASE_URL"]), Proxy(os.environ["WANDB_BASE_URL"])
    untrusted.certify(certificate("untrusted"))
    closed.refuse()
    places = {"untrusted": untrusted.address, "refused": closed.address,
              "plain": os.environ["WANDB_BASE_URL"].removeprefix("http://")}
    wrong = check([cell for cell in cells if "url" not in cell.fault], places)
    for cell in cells:  # these faults meet every file
        if "url" in cell.fault:
            wrong += check([cell], places)
    untrusted.refuse()
    print("\n".join(wrong), f"{len(cells)} cells, {len(wrong)} deviate", sep="\n")
    sys.exit(1 if wrong or not cells else 0)


if __name__ == "__main__":
    main()
