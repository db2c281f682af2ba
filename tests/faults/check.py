#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks rows of `table`: every way of asking the server, each on a fresh mount, all at once.

check.py FIRST LAST: the rows with these numbers (from 1; "-" for the last). Prints each cell that
deviates; the exit status is 1 then. The environment is a bats test's with a sandbox of seed sample.
"""

import os
import stat
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from fault_table import Proxy, certificate, patiently, rows
from mounted import Mount, control, outcome, start_sandbox

BOUND_S = 20  # of one metadata request (design 5)
PATIENT_S, IMPATIENT_S = 20, 2  # the mounts' limit where an answer is expected, and where none
CHURN = "acme/model/collections/churn"
COLLECTIONS = "acme/model/collections/"  # listed: a collection that is found brings versions along


def read(path):
    with open(path, "rb") as file:
        return file.read()


# Name, column of the table, what is looked at before the fault, what the fault meets.
OPERATIONS = (
    ("list registries", "list", [], lambda root: os.listdir(root + "/acme")),
    ("list collections", "list", ["acme/model"], lambda root: os.listdir(root + "/acme/model/collections")),
    ("list versions", "list", [CHURN], lambda root: os.listdir(f"{root}/{CHURN}/versions")),
    ("list all versions", "list", ["acme/model"], lambda root: os.listdir(root + "/acme/model/versions")),
    ("list files", "list", [CHURN + "/versions/v0/id"], lambda root: os.listdir(f"{root}/{CHURN}/versions/v0/files")),
    ("find a registry", "find", [], lambda root: os.stat(root + "/acme/model")),
    ("find a collection", "find", ["acme/model"], lambda root: os.stat(f"{root}/{CHURN}")),
    ("find a version", "find", [COLLECTIONS], lambda root: os.stat(f"{root}/{CHURN}/versions/v0")),
    ("find a file", "find", [CHURN + "/versions/v0/id"],
     lambda root: os.stat(f"{root}/{CHURN}/versions/v0/files/config.json")),
    ("find an alias", "find", [COLLECTIONS], lambda root: os.readlink(f"{root}/{CHURN}/aliases/production")),
    ("read lineage", "find", [CHURN + "/versions/v0/id"],
     lambda root: read(f"{root}/{CHURN}/versions/v0/lineage/used_by")),
    ("measure a manifest", "find", [CHURN + "/versions/v0/id"],
     lambda root: os.stat(f"{root}/{CHURN}/versions/v0/lineage/manifest.json")),
    ("list members", "list", ["acme/restricted/id"],
     lambda root: os.listdir(root + "/acme/restricted/members/users")),
    ("read again", "again", ["acme/model/description"], lambda root: read_again(root, "acme/model/description")),
)


def read_again(root, path):
    os.utime(os.path.dirname(os.path.join(root, path)))
    read(os.path.join(root, path))


def expectation(row, operation, expected):
    """What a cell may be. What a listing may hide, and a file that its own lookup does not show, is looked
    for in the listing."""
    if operation[0] == "list members" and row in ("empty-pages-for-ever", "cursor-repeats"):
        return "ok"  # they come without pages
    found = ("find a registry", "find a collection", "find a file", "read lineage")
    return expected["list" if row == "empty-pages-for-ever" and operation[0] in found else operation[1]]


def prepare(operation, expected, proxy):
    seconds = PATIENT_S if "ok" in expected else IMPATIENT_S
    mount = patiently(lambda: Mount("--timeout", str(seconds), "--ttl", "600", "--negative-ttl", "0",
                                    environment={"WANDB_BASE_URL": proxy.url}))
    for path in operation[2]:
        full = os.path.join(mount.path, path)
        if patiently(lambda: stat.S_ISREG(os.stat(full).st_mode)):
            patiently(lambda: read(full))
        elif full.endswith("/"):
            patiently(lambda: os.listdir(full))
    return mount


def cell(operation, mount):
    start = time.monotonic()
    found = outcome(lambda: operation[3](mount.path), BOUND_S)
    return found, time.monotonic() - start, mount.memory_kib()


TLS_FAULTS = {
    "tls": lambda proxy: None,
    "tls-untrusted": lambda proxy: proxy.certify(certificate("untrusted")),
    "tls-plain": lambda proxy: proxy.lead_to(os.environ["WANDB_BASE_URL"]),
}
TLS_SERVER = {}  # what the ready file of a sandbox with a certificate says


def check(name, expected, fault):
    """The cells of one row that are not as they should be."""
    server = os.environ["WANDB_BASE_URL"]
    proxy = Proxy(TLS_SERVER["base_url"] if isinstance(fault, str) and fault in TLS_FAULTS else server)
    wrong = []
    with ThreadPoolExecutor(len(OPERATIONS)) as pool:
        mounts = list(pool.map(lambda operation: prepare(operation, expectation(name, operation, expected), proxy), OPERATIONS))
        if fault == "refuse":
            proxy.refuse()
        elif isinstance(fault, str):
            TLS_FAULTS[fault](proxy)
            proxy.end_connections()
        elif fault:
            control("POST", "/faults", {"target": "graphql", "times": -1, **fault})
        cells = list(pool.map(cell, OPERATIONS, mounts))
        control("DELETE", "/faults")
        wrong += [f"{name}: {complaint}" for complaint in pool.map(Mount.stop, mounts) if complaint]
    for operation, (found, seconds, kib) in zip(OPERATIONS, cells):
        wanted = expectation(name, operation, expected)
        if found not in wanted.split("|"):
            wrong.append(f"{name}: {operation[0]}: {found} after {seconds:.1f} s, not {wanted}")
        if kib > 600 * 1024:
            wrong.append(f"{name}: {operation[0]}: {kib} KiB of memory")
    proxy.refuse()
    return wrong


def start_tls_server():
    """A sandbox that the mounts trust from now on."""
    trusted = os.environ["SSL_CERT_FILE"] = certificate("trusted")
    folder = tempfile.mkdtemp(dir=os.environ["TEST_DIR"])
    sandbox, server = start_sandbox(folder, "sample", "--tls-cert", trusted, "--tls-key", trusted)
    TLS_SERVER.update(server)
    return sandbox


def main():
    table = list(rows("table", ("list", "find", "again")))
    first = int(sys.argv[1])
    last = len(table) if sys.argv[2] == "-" else int(sys.argv[2])
    wrong, sandbox = [], None
    if any(fault in TLS_FAULTS for _, _, fault in table[first - 1:last] if isinstance(fault, str)):
        sandbox = start_tls_server()
    for name, expected, fault in table[first - 1:last]:
        wrong += check(name, expected, fault)
    if sandbox:
        sandbox.terminate()
        sandbox.wait()
    print("\n".join(wrong), f"{(last - first + 1) * len(OPERATIONS)} cells, {len(wrong)} deviate", sep="\n")
    sys.exit(1 if wrong or last < first else 0)


if __name__ == "__main__":
    main()
