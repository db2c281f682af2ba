# SPDX-License-Identifier: MIT
"""Processes that read files whose answers are corrupted at random: what they are told, counted.

usage: wrong_bytes.py READERS FOLDER… <FILES

FILES: lines of JSON, one file each with its path and sha256, each for a round of its own. FOLDERs show the same files,
by one or by several mounts. A reader has its own way and pace; one that fails opens the file again.
"""

import hashlib
import mmap
import os
import random
import sys
import time
import urllib.request
import json

STEP = 1 << 20


def control(method, path, value=None):
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(os.environ["CONTROL_URL"] + path, data, {"Content-Type": "application/json"},
                                     method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def by_read(descriptor, size):
    digest = hashlib.sha256()
    while piece := os.read(descriptor, STEP):
        digest.update(piece)
    return digest.hexdigest()


def read_at(descriptor, offset, length):
    """All of it: a call that meets an error in the middle tells of what came before."""
    pieces = b""
    while len(pieces) < length:
        piece = os.pread(descriptor, length - len(pieces), offset + len(pieces))
        if not piece:
            raise OSError(0, "ends early")
        pieces += piece
    return pieces


def by_slow_read(descriptor, size):
    digest = hashlib.sha256()
    for offset in range(0, size, size // 5 + 1):
        time.sleep(0.05)
        digest.update(read_at(descriptor, offset, min(size // 5 + 1, size - offset)))
    return digest.hexdigest()


def by_pieces_in_any_order(descriptor, size):
    content = bytearray(size)
    offsets = list(range(0, size, STEP))
    random.shuffle(offsets)
    for offset in offsets:
        length = min(STEP, size - offset)
        content[offset:offset + length] = read_at(descriptor, offset, length)
    return hashlib.sha256(content).hexdigest()


def by_mmap(descriptor, size):
    with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as content:
        return hashlib.sha256(content).hexdigest()


def read_in(way, path, size):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return way(descriptor, size)
    finally:
        os.close(descriptor)


def outcome(way, path, size, expected):
    try:
        return "right" if read_in(way, path, size) == expected else "WRONG"
    except OSError as error:
        return os.strerror(error.errno)


def reader(path, size, expected, seed, report):
    random.seed(seed)
    time.sleep(random.choice((0, 0, 0.01, 0.1)))
    way = random.choice((by_read, by_read, by_mmap, by_slow_read, by_pieces_in_any_order))
    for _ in range(3):
        result = outcome(way, path, size, expected)
        os.write(report, f"{way.__name__} {result}\n".encode())
        if result == "right":
            break
    os._exit(0)


def corrupt(size):
    control("DELETE", "/faults")
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        control("POST", "/faults", {"kind": "wrong_bytes", "target": "storage", "operation": "*",
                                    "times": random.choice((1, 1, 2)), "after": random.randrange(4),
                                    "offset": random.randrange(min(size, 4 << 20)), "count": 1})


def round_of(paths, readers, expected, counts):
    size = os.stat(paths[0]).st_size
    corrupt(size)
    report, end = os.pipe()
    children = []
    for i in range(readers):
        seed = random.random()
        child = os.fork()
        if child == 0:
            reader(paths[i % len(paths)], size, expected, seed, end)
        children.append(child)
    os.close(end)
    with os.fdopen(report) as lines:
        for line in lines:
            counts[line.strip()] = counts.get(line.strip(), 0) + 1
    for child in children:
        if os.waitpid(child, 0)[1] != 0:
            counts["SIGBUS"] = counts.get("SIGBUS", 0) + 1


def main():
    readers, folders = int(sys.argv[1]), sys.argv[2:]
    random.seed(int(os.environ.get("SEED", "1")))
    counts = {}
    for line in sys.stdin:
        file = json.loads(line)
        round_of([os.path.join(folder, file["path"]) for folder in folders], readers, file["sha256"], counts)
    control("DELETE", "/faults")
    for what, count in sorted(counts.items()):
        print(count, what)
    if any("WRONG" in what for what in counts):
        raise SystemExit("wrong bytes were read as right")


main()
