#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What signals do to a process that waits in a system call.

signalled_calls.py CALL PATH SIGNAL… : runs the call in a child that catches SIGNALs written in lower case (with
SA_RESTART) and leaves those in upper case as they are; sends them one after another while it waits. Prints "ok", the
errno's name or SIG and the number of the signal that has ended the child, and how many milliseconds after the last signal
that was.
"""
import ctypes
import errno
import os
import signal
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
PAUSE_S = 0.2
PATIENCE_S = 20


def number_of(name):
    name = name.upper()
    if name.startswith("RTMIN+"):
        return signal.SIGRTMIN + int(name[6:])
    return getattr(signal, "SIG" + name)


def perform(call, path):
    """The errno, 0 for success."""
    path = os.fsencode(path)
    libc.opendir.restype = ctypes.c_void_p
    ctypes.set_errno(0)
    failed = {
        "stat": lambda: libc.stat(path, ctypes.create_string_buffer(512)) != 0,
        "open": lambda: libc.open(path, os.O_RDONLY) < 0,
        "opendir": lambda: not libc.opendir(path),
        "mkdir": lambda: libc.mkdir(path, 0o755) != 0,
    }[call]()
    return ctypes.get_errno() if failed else 0


def child(call, path, signals):
    for name in signals:
        if name.islower():
            signal.signal(number_of(name), lambda *_: None)
            signal.siginterrupt(number_of(name), False)
        elif name not in ("STOP", "KILL"):
            signal.signal(number_of(name), signal.SIG_DFL)
    os._exit(perform(call, path))


def wait_until_it_waits(pid):
    """In the filesystem's answer; a call that waits nowhere else may have begun already."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
            where = file.read()
        if "request_wait" in where or "fuse" in where:
            return
        time.sleep(0.01)
    raise SystemExit(f"the call does not wait: {where}")


def main(call, path, *signals):
    pid = os.fork()
    if pid == 0:
        child(call, path, signals)
    wait_until_it_waits(pid)
    sent = time.monotonic()
    for name in signals:
        time.sleep(PAUSE_S)
        sent = time.monotonic()
        os.kill(pid, number_of(name))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    took = int((time.monotonic() - sent) * 1000)
    print("ok" if code == 0 else f"SIG{-code}" if code < 0 else errno.errorcode[code], took)


main(*sys.argv[1:])
