#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# crowded_directory.py REGISTRY PROCESSES SECONDS: processes look up, list, make, rename and remove
# names in one directory, each its own and those of the others. What cannot be is printed, and the
# exit status is 1.
import errno
import os
import random
import sys
import time

MAY_HAPPEN = {errno.ENOENT, errno.ESTALE}  # to somebody else's file


def own_file(directory, number, count):
    """Makes, finds, renames and removes a file that nobody else touches."""
    name, other = (os.path.join(directory, f".own-{number}-{count % 3}{end}") for end in ("", "~"))
    text = f"{number} {count}"
    with open(name, "w", encoding="ascii") as file:
        file.write(text)
    assert os.path.basename(name) in os.listdir(directory), "what was made is not listed"
    os.rename(name, other)
    assert not os.path.exists(name), "what was renamed is there"
    with open(other, encoding="ascii") as file:
        assert file.read() == text, "what was renamed has another text"
    os.unlink(other)
    assert not os.path.exists(other), "what was removed is there"


def shared_file(directory, chance):
    """The same on files that everybody touches; only what nobody could explain fails."""
    name, other = (os.path.join(directory, f".shared-{chance.randrange(4)}") for _ in range(2))
    try:
        chance.choice(
            (
                lambda: os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)),
                lambda: os.rename(name, other),
                lambda: os.unlink(name),
                lambda: os.stat(name),
            )
        )()
    except OSError as failure:
        if failure.errno not in MAY_HAPPEN:
            raise


def look_around(directory, chance):
    assert "description" in os.listdir(directory), "an attribute is not listed"
    os.stat(os.path.join(directory, chance.choice(("description", "collections", "id", "versions"))))
    assert not os.path.exists(os.path.join(directory, f".no-{chance.randrange(100)}"))


def process(directory, number, seconds):
    chance = random.Random(number)
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end or count < 20:
        count += 1
        try:
            own_file(directory, number, count)
            shared_file(directory, chance)
            look_around(directory, chance)
        except (OSError, AssertionError) as failure:
            print(f"process {number}, round {count}: {failure}", flush=True)
            return 1
    return 0


def main():
    directory, processes, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            os._exit(process(directory, number, seconds))
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    return 1 if failed else 0


sys.exit(main())
