#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks rows of `table`: every way of asking the server, each on a fresh mount, all at once.

check.py FIRST LAST: the rows with these numbers (from 1; "-" for the last). Prints each cell that
deviates; the exit status is 1 then. The environment is a bats test's with a sandbox of seed sample.
"""

import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mounted import Mount, control, outcome

BOUND_S = 20  # of one metadata request (design 5)
PATIENT_S, IMPATIENT_S = 10, 1  # the mounts' limit where an answer is expected, and where none
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
    ("find a registry", "find", [], lambda root: os.stat(root + "/acme/model")),
    ("find a collection", "find", ["acme/model"], lambda root: os.stat(f"{root}/{CHURN}")),
    ("find a version", "find", [COLLECTIONS], lambda root: os.stat(f"{root}/{CHURN}/versions/v0")),
    ("find an alias", "find", [COLLECTIONS], lambda root: os.readlink(f"{root}/{CHURN}/aliases/production")),
    ("read again", "again", ["acme/model/description"], lambda root: read_again(root, "acme/model/description")),
)


def read_again(root, path):
    os.utime(os.path.dirname(os.path.join(root, path)))
    read(os.path.join(root, path))


class Proxy:
    """Between the mounts and the server, to take the server away."""

    def __init__(self, url):
        self.target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.connections += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def refuse(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def rows():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "table")) as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                name, listed, found, again, fault = line.split(None, 4)
                yield name, {"list": listed, "find": found, "again": again}, json.loads(fault)


def prepare(operation, expected, base_url):
    seconds = PATIENT_S if "ok" in expected[operation[1]] else IMPATIENT_S
    mount = Mount("--timeout", str(seconds), "--ttl", "600", "--negative-ttl", "0",
                  environment={"WANDB_BASE_URL": base_url})
    for path in operation[2]:
        full = os.path.join(mount.path, path)
        if os.path.isfile(full):
            read(full)
        elif full.endswith("/"):
            os.listdir(full)
    return mount


def cell(operation, mount):
    start = time.monotonic()
    found = outcome(lambda: operation[3](mount.path), BOUND_S)
    return found, time.monotonic() - start, mount.memory_kib()


def check(name, expected, fault):
    """The cells of one row that are not as they should be."""
    proxy = Proxy(os.environ["WANDB_BASE_URL"])
    wrong = []
    with ThreadPoolExecutor(len(OPERATIONS)) as pool:
        mounts = list(pool.map(lambda operation: prepare(operation, expected, proxy.url), OPERATIONS))
        if fault == "refuse":
            proxy.refuse()
        elif fault:
            control("POST", "/faults", {"target": "graphql", "times": -1, **fault})
        cells = list(pool.map(cell, OPERATIONS, mounts))
        control("DELETE", "/faults")
        wrong += [f"{name}: {complaint}" for complaint in pool.map(Mount.stop, mounts) if complaint]
    for (operation, column, _, _), (found, seconds, kib) in zip(OPERATIONS, cells):
        if found not in expected[column].split("|"):
            wrong.append(f"{name}: {operation}: {found} after {seconds:.1f} s, not {expected[column]}")
        if kib > 600 * 1024:
            wrong.append(f"{name}: {operation}: {kib} KiB of memory")
    proxy.refuse()
    return wrong


def main():
    table = list(rows())
    first = int(sys.argv[1])
    last = len(table) if sys.argv[2] == "-" else int(sys.argv[2])
    wrong = []
    for name, expected, fault in table[first - 1:last]:
        wrong += check(name, expected, fault)
    print("\n".join(wrong), f"{(last - first + 1) * len(OPERATIONS)} cells, {len(wrong)} deviate", sep="\n")
    sys.exit(1 if wrong or last < first else 0)


if __name__ == "__main__":
    main()
