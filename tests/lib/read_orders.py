#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# read_orders.py ORDER FILE… [--piece BYTES] [--readers N] [--count N] [--mapped] [--shared] [--tensors] [--discard]:
# reads files the way programs do, and prints {"seconds", "bytes", "sha256"} as JSON: how long it took, how much
# was asked for, and the hash of what was read, put together in the file's order (of orders that read all of one
# file). Keeping and hashing takes longer than reading: who measures time of `readers` and `workers` adds
# --discard, with which they copy into one buffer.

import argparse
import hashlib
import json
import mmap
import os
import random
import time

SMALL = 4096
STEP = 1 << 20


def pieces_of(size, piece):
    return [(at, min(piece, size - at)) for at in range(0, size, piece)]


def shuffled(pieces):
    random.Random(7).shuffle(pieces)
    return pieces


# Sizes of a model's tensors: large ones, with a small one (a norm, a bias) after every second.
def tensors_of(size):
    sizes = random.Random(11)
    pieces, at = [], 0
    while at < size:
        length = 16384 if len(pieces) % 3 == 2 else sizes.choice([1, 2, 4, 4, 8, 16]) << 20
        pieces.append((at, min(length + 64, size - at)))
        at += pieces[-1][1]
    return pieces


class File:
    """One open descriptor, and a mapping where the order wants one."""

    def __init__(self, path, mapped=False, advice=None):
        self.descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.descriptor).st_size
        self.mapping = None
        if mapped:
            self.mapping = mmap.mmap(self.descriptor, self.size, prot=mmap.PROT_READ)
            if advice is not None:
                self.mapping.madvise(advice)

    def piece(self, at, length):
        if self.mapping is not None:
            return self.mapping[at:at + length]
        got = b""
        while len(got) < length:
            part = os.pread(self.descriptor, length - len(got), at + len(got))
            if not part:
                break
            got += part
        return got


def collect(file, pieces, parts):
    for at, length in pieces:
        parts[at] = file.piece(at, length)


def forward(path, options):
    file = File(path, options.mapped)
    parts = {}
    collect(file, pieces_of(file.size, STEP), parts)
    return parts


def backward(path, options):
    file = File(path, options.mapped)
    parts = {}
    collect(file, pieces_of(file.size, options.piece)[::-1], parts)
    return parts


def shuffle(path, options):
    file = File(path, options.mapped)
    parts = {}
    collect(file, shuffled(pieces_of(file.size, options.piece)), parts)
    return parts


def advised(path, options):
    file = File(path, True, mmap.MADV_RANDOM)
    parts = {}
    collect(file, pieces_of(file.size, options.piece), parts)
    return parts


def tensors(path, options):
    file = File(path, True)
    parts = {}
    collect(file, shuffled(tensors_of(file.size)), parts)
    return parts


# Several places of one descriptor in turn, a step each.
def streams(path, options):
    file = File(path, options.mapped)
    share = -(-file.size // options.readers)
    each = [pieces_of(min(share, max(0, file.size - i * share)), options.piece) for i in range(options.readers)]
    parts = {}
    for turn in range(max(map(len, each))):
        for i, pieces in enumerate(each):
            if turn < len(pieces):
                at, length = pieces[turn]
                parts[i * share + at] = file.piece(i * share + at, length)
    return parts


# How many bytes, and the hash of all in the file's order.
def summary(parts):
    if isinstance(parts, int):
        return parts, None
    whole = b"".join(parts[at] for at in sorted(parts))
    return len(whole), hashlib.sha256(whole).hexdigest()


# Bytes of the pieces, copied into one buffer and forgotten.
def discard(file, pieces):
    buffer, total = bytearray(max((length for _, length in pieces), default=0)), 0
    view = memoryview(buffer)
    for at, length in pieces:
        end = at + length
        if file.mapping is not None:
            view[:length] = memoryview(file.mapping)[at:end]
            total += length
            continue
        while at < end:
            got = os.preadv(file.descriptor, [view[:end - at]], at)
            if not got:
                return total
            at += got
            total += got
    return total


# Processes that begin together; the clock stops when the last one is done. Each returns its parts, or a number of bytes.
def in_processes(works):
    ready_from, ready = os.pipe()
    start, go = os.pipe()
    results = []
    for work in works:
        result, own = os.pipe()
        if os.fork() == 0:
            try:
                os.close(go)
                os.write(ready, b".")
                os.read(start, 1)
                parts = work()
                ended = time.monotonic()
                answer = json.dumps([ended, *summary(parts)])
                os.write(own, answer.encode())
            finally:
                os._exit(0)
        os.close(own)
        results.append(result)
    for _ in works:
        os.read(ready_from, 1)
    began = time.monotonic()
    os.close(go)
    answers = [json.loads(os.read(result, 4096)) for result in results]
    for _ in works:
        os.wait()
    return began, answers


# The file in pieces of one size, or its tensors in the file's order as a loader of safetensors takes them:
# a header first.
def pieces_for(file, options):
    if not options.tensors:
        return pieces_of(file.size, options.piece)
    return [(0, min(file.size, 1 << 16)), *tensors_of(file.size)]


# Readers of the whole file, with descriptors of their own or one for all.
def readers(path, options):
    shared = File(path, options.mapped) if options.shared else None

    def work():
        file = shared or File(path, options.mapped)
        if options.discard:
            return discard(file, pieces_for(file, options))
        parts = {}
        collect(file, pieces_for(file, options), parts)
        return parts

    began, answers = in_processes([work] * options.readers)
    hashes = {answer[2] for answer in answers}
    return {
        "seconds": max(answer[0] for answer in answers) - began,
        "bytes": sum(answer[1] for answer in answers),
        "sha256": hashes.pop() if len(hashes) == 1 else None,
    }


# Forked workers with one descriptor, a share of the file each.
def workers(path, options):
    file = File(path, options.mapped)

    def work_of(i):
        def work():
            share = -(-file.size // options.readers)
            if options.tensors:
                pieces = pieces_for(file, options)[i::options.readers]
            else:
                pieces = [(i * share + at, length) for at, length in
                          pieces_of(min(share, file.size - i * share), options.piece)]
            if options.discard:
                return discard(file, pieces)
            parts = {}
            collect(file, pieces, parts)
            return parts
        return work

    began, answers = in_processes([work_of(i) for i in range(options.readers)])
    return {
        "seconds": max(answer[0] for answer in answers) - began,
        "bytes": sum(answer[1] for answer in answers),
        "sha256": None,
    }


def scattered(path, options):
    file = File(path, options.mapped)
    if not options.mapped:
        os.posix_fadvise(file.descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    places = random.Random(3)
    for _ in range(options.count):
        assert len(file.piece(places.randrange(file.size // SMALL) * SMALL, SMALL)) == SMALL
    return options.count * SMALL


def sniff(paths, options):
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        assert len(os.read(descriptor, options.piece)) > 0
        os.close(descriptor)
    return options.piece * len(paths)


ORDERS = {function.__name__: function for function in (
    forward, backward, shuffle, advised, tensors, streams, readers, workers, scattered)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("order", choices=[*ORDERS, "sniff"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--piece", type=int, default=STEP)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--mapped", action="store_true")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--discard", action="store_true")
    parser.add_argument("--tensors", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    if options.order == "sniff":
        result = sniff(options.files, options)
    else:
        result = ORDERS[options.order](options.files[0], options)
    seconds = time.monotonic() - began
    if isinstance(result, int):
        result = {"seconds": seconds, "bytes": result, "sha256": None}
    elif "seconds" not in result:
        result = dict(zip(("bytes", "sha256"), summary(result)), seconds=seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
