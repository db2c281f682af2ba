#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# open_and_close.py DIRECTORY HASHES PROCESSES ROUNDS: each process opens, reads, maps and closes the
# files that HASHES lists ("sha256 path" a line), in its own order, so many times. What fails or is
# wrong is printed, and the exit status is 1.
import hashlib
import mmap
import os
import random
import sys


def read_all(file, expected):
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(0)
        assert hashlib.sha256(stream.read()).hexdigest() == expected, "read wrong bytes"


def map_all(file, expected):
    with mmap.mmap(file, 0, prot=mmap.PROT_READ) as view:
        os.close(file)
        assert hashlib.sha256(view).hexdigest() == expected, "mapped wrong bytes"
    return True


def one_round(path, expected, chance):
    file = os.open(path, os.O_RDONLY)
    way = chance.randrange(4)
    closed = False
    if way == 0:
        read_all(file, expected)
    elif way == 1:
        closed = map_all(file, expected)
    elif way == 2:
        os.pread(file, 4096, chance.randrange(os.fstat(file).st_size))
    if not closed:
        os.close(file)


def process(directory, files, rounds, seed):
    chance = random.Random(seed)
    # Few at first, so that most rounds meet others at the same file.
    for number in range(rounds):
        known = files[: 2 + number * len(files) // rounds]
        expected, path = chance.choice(known)
        try:
            one_round(os.path.join(directory, path), expected, chance)
        except (OSError, AssertionError) as failure:
            print(f"process {seed}, round {number}: {path}: {failure}", flush=True)
            return 1
    return 0


def main():
    directory, listing, processes, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with open(listing, encoding="utf-8") as lines:
        files = [line.rstrip("\n").split(" ", 1) for line in lines]
    children = []
    for seed in range(processes):
        child = os.fork()
        if child == 0:
            os._exit(process(directory, files, rounds, seed))
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    return 1 if failed else 0


sys.exit(main())
