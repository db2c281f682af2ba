#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mounts for a process without privilege.

hand-over.py give MOUNTPOINT SOCKET    mounts and hands /dev/fuse over to who connects; needs the device
                                       and CAP_SYS_ADMIN, and neither key nor network
hand-over.py take SOCKET COMMAND...    runs the command with that descriptor as number 3; needs nothing:
                                       hand-over.py take SOCKET registryfs -f SOURCE /dev/fd/3
"""
import ctypes
import os
import signal
import socket
import sys

MS_NOSUID_NODEV = 2 | 4
MNT_DETACH = 2
HANDED = 3
libc = ctypes.CDLL(None, use_errno=True)


def mount(mountpoint):
    """A fresh mount in place of an old one; returns the descriptor that serves it."""
    libc.umount2(mountpoint.encode(), MNT_DETACH)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
    if libc.mount(b"registryfs", mountpoint.encode(), b"fuse.registryfs", MS_NOSUID_NODEV, options.encode()):
        error = os.strerror(ctypes.get_errno())
        sys.exit(f"hand-over: cannot mount at {mountpoint}: {error}; this needs CAP_SYS_ADMIN")
    return device


def give(mountpoint, path):
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)  # who can reach the directory may serve the mount
    listener.listen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            peer = listener.accept()[0]
            device = mount(mountpoint)
            socket.send_fds(peer, [b"f"], [device])
            # No copy is kept: the kernel ends the mount when its server ends.
            os.close(device)
            peer.close()
    finally:
        libc.umount2(mountpoint.encode(), MNT_DETACH)


def take(path, command):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    descriptors = socket.recv_fds(peer, 1, 1)[1]
    peer.close()
    if not descriptors:
        sys.exit("hand-over: nothing was handed over; see what the giving side says")
    if descriptors[0] != HANDED:
        os.dup2(descriptors[0], HANDED)
        os.close(descriptors[0])
    os.set_inheritable(HANDED, True)
    os.execvp(command[0], command)


if len(sys.argv) == 4 and sys.argv[1] == "give":
    give(sys.argv[2], sys.argv[3])
elif len(sys.argv) > 3 and sys.argv[1] == "take":
    take(sys.argv[2], sys.argv[3:])
else:
    sys.exit(__doc__)
