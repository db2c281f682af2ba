#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks rows of `saves`: every way of changing something on the server, each on a fresh mount, all at once.

saves.py FIRST LAST: the rows with these numbers (from 1; "-" for the last). Prints each cell that
deviates; the exit status is 1 then. The environment is a bats test's with a sandbox of seed sample.
After a failure nothing may be lost: the text is kept, and what the mount shows is what the server has.
"""

import errno
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from fault_table import Proxy, patiently, rows
from model_system import registries_on_server, upsert
from mounted import Mount, control, outcome

MUTATIONS = ("UpsertRegistry", "RenameRegistry", "DeleteRegistry")
BOUND_S = 60  # of a save (design 5)
PATIENT_S, IMPATIENT_S = 20, 2  # the mounts' limit where an answer is expected, and where none
NEW_DESCRIPTION = "after\nof more than one line\n"


def store(path, text, sync=False, flags=os.O_WRONLY | os.O_TRUNC):
    """Writes as programs do; the first error is reported, the file closed in any case."""
    file = os.open(path, flags)
    try:
        os.write(file, text.encode())
        if sync:
            os.fsync(file)
    except OSError:
        try:
            os.close(file)
        except OSError:
            pass
        raise
    os.close(file)


def replace(home):
    # The mount is told of the file before the fault: see prepare().
    os.rename(home + "/tmp", home + "/description")


class Change:
    """One way: `act(home)` in the registry's directory `home`; what the server has afterwards."""

    def __init__(self, name, column, act, attribute=None, text=None, done=None, for_einval=None):
        self.name, self.column, self.act, self.attribute, self.text = name, column, act, attribute, text
        self.done, self.for_einval = done, for_einval


CHANGES = (
    Change("write description", "change", lambda home: store(home + "/description", NEW_DESCRIPTION),
           "description", NEW_DESCRIPTION, lambda now: now["description"] + "\n" == NEW_DESCRIPTION),
    Change("sync description", "change", lambda home: store(home + "/description", NEW_DESCRIPTION, sync=True),
           "description", NEW_DESCRIPTION, lambda now: now["description"] + "\n" == NEW_DESCRIPTION, "EIO"),
    Change("rename over description", "change", replace,
           "description", NEW_DESCRIPTION, lambda now: now["description"] + "\n" == NEW_DESCRIPTION, "EIO"),
    Change("add a type", "change", lambda home: store(home + "/artifact_types", "report\n", flags=os.O_WRONLY | os.O_APPEND),
           "artifact_types", "model\nreport\n", lambda now: now["artifactTypes"] == ["model", "report"]),
    Change("write visibility", "change", lambda home: store(home + "/visibility", "restricted\n"),
           "visibility", "restricted\n", lambda now: now["access"] == "RESTRICTED"),
    Change("write allow_all", "change", lambda home: store(home + "/allow_all_artifact_types", "true\n"),
           "allow_all_artifact_types", "true\n", lambda now: now["allowAllArtifactTypesInRegistry"]),
    Change("write name", "rename", lambda home: store(home + "/name", os.path.basename(home) + "-new\n"), "name", "{}-new\n"),
    Change("mv", "rename", lambda home: os.rename(home, home + "-new"), for_einval="EPERM"),
    Change("mkdir", "mkdir", lambda home: os.mkdir(home + "-new")),
    Change("rmdir", "rmdir", os.rmdir),
)


def prepare(row, number, change, patient, base_url):
    """(mount, name of the registry that is this cell's own)"""
    name = f"{row}-{number}"
    upsert(name, description="before", allowAllArtifactTypesInRegistry=False, artifactTypes=[{"name": "model"}])
    mount = patiently(lambda: Mount("--timeout", str(PATIENT_S if patient else IMPATIENT_S), "--ttl", "600",
                                    "--negative-ttl", "0", environment={"WANDB_BASE_URL": base_url}))
    home = f"{mount.path}/acme/{name}"
    patiently(lambda: os.listdir(os.path.dirname(home)))
    if change.act is replace:
        patiently(lambda: store(home + "/tmp", NEW_DESCRIPTION, flags=os.O_WRONLY | os.O_CREAT))
    return mount, name


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return errno.errorcode[error.errno]


def lost(mount, name, change, found, now):
    """What is wrong with what a change has left behind, or None. `now`: the server's registries."""
    new_name = name + "-new"
    if change.column != "change":
        there = (name in now, new_name in now)
        after = {"rename": (False, True), "mkdir": (True, True), "rmdir": (False, False)}[change.column]
        if found == "ok" and there != after:
            return f"old and new name on the server: {there}"
    elif found == "ok" and not change.done(now[name]):
        return f"the server has {now[name]['description']!r}, {now[name]['artifactTypes']}, {now[name]['access']}"
    if found == "ok" or not change.attribute:
        return None
    text = change.text.format(name)
    kept = read(f"{mount.path}/.registryfs/unsaved/acme/{name}/{change.attribute}")
    scratch = read(f"{mount.path}/acme/{name}/tmp") if change.act is replace else None
    if text not in (kept, scratch) and not could_not_open(mount, name, change):
        return f"the text is lost; {kept!r} in unsaved"
    return None


def could_not_open(mount, name, change):
    """Whether it failed before anything was typed, as `errors` shows: no save is told of there."""
    return f" save acme/{name}/{change.attribute} " not in read(f"{mount.path}/.registryfs/errors")


def shows_truth(mount, name, now):
    """What the mount shows of the registry that the server has not, once it is asked again; or None."""
    root = f"{mount.path}/acme"
    deadline = time.monotonic() + 40
    while True:  # an outage is over when it is noticed
        try:
            os.utime(root)
            shown = set(os.listdir(root))
            break
        except OSError as error:
            if time.monotonic() > deadline:
                return f"listing afterwards: {error}"
            time.sleep(0.2)
    differ = [one for one in (name, name + "-new") if (one in shown) != (one in now)]
    if not differ and name in now:
        text = now[name]["description"]
        if read(f"{root}/{name}/description") != (text + "\n" if text else ""):
            differ = ["description"]
    return f"mount and server differ: {differ}" if differ else None


def check(row, expected, fault):
    """The cells of one row that are not as they should be."""
    proxy = Proxy(os.environ["WANDB_BASE_URL"])
    wrong = []

    def cell(change, mount, name):
        start = time.monotonic()
        found = outcome(lambda: change.act(f"{mount.path}/acme/{name}"), BOUND_S)
        return found, time.monotonic() - start

    with ThreadPoolExecutor(len(CHANGES)) as pool:
        cells = list(pool.map(lambda one: prepare(row, one[0], one[1], "ok" in expected[one[1].column], proxy.url),
                              enumerate(CHANGES)))
        mounts, names = zip(*cells)
        if fault == "refuse":
            time.sleep(1.1)  # what was read a second ago will do for an open
            proxy.refuse()
        elif fault:
            for operation in [fault["operation"]] if "operation" in fault else MUTATIONS:
                control("POST", "/faults", {"target": "graphql", "times": -1, **fault, "operation": operation})
        results = list(pool.map(cell, CHANGES, mounts, names))
        control("DELETE", "/faults")
        now = registries_on_server()
        for change, mount, name, (found, seconds) in zip(CHANGES, mounts, names, results):
            words = expected[change.column].split("|")
            if change.for_einval:
                words = [change.for_einval if word == "EINVAL" else word for word in words]
            complaint = lost(mount, name, change, found, now)
            if not complaint and fault != "refuse":
                complaint = shows_truth(mount, name, now)
            if found not in words:
                complaint = f"{found} after {seconds:.1f} s, not {words}; {complaint}"
            if complaint:
                wrong.append(f"{row}: {change.name}: {complaint}")
        wrong += [f"{row}: {complaint}" for complaint in pool.map(Mount.stop, mounts) if complaint]
    proxy.refuse()
    return wrong


def main():
    table = list(rows("saves", ("change", "rename", "mkdir", "rmdir")))
    first = int(sys.argv[1])
    last = len(table) if sys.argv[2] == "-" else int(sys.argv[2])
    wrong = []
    for row, expected, fault in table[first - 1:last]:
        wrong += check(row, expected, fault)
    print("\n".join(wrong), f"{(last - first + 1) * len(CHANGES)} cells, {len(wrong)} deviate", sep="\n")
    sys.exit(1 if wrong or last < first else 0)


if __name__ == "__main__":
    main()
