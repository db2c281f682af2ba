# SPDX-License-Identifier: MIT
"""The names that registries had before their attribute `name` was written (fs/inode/former_name.h), for the model
of tests/model: they lead the process that wrote it, which makes all the calls of a sequence."""

import time

MOST = 16
LASTS_S = 60
SLACK_S = 3  # an operation that starts so long before a name ends waits for it


class FormerName:
    def __init__(self, registry, name, turn):
        self.registry, self.name, self.turn = registry, name, turn
        self.times = None  # when it ends, between two moments; None: the operation is not stamped yet


class FormerNames:
    def __init__(self):
        self.slots, self.turn = [None] * MOST, 0

    def note(self, registry, name):
        """The registry is called otherwise from now on."""
        self.expire()
        self.drop(name)
        self.turn += 1
        for former in filter(None, self.slots):
            if former.registry is registry:
                former.turn, former.times = self.turn, None
        at = min(range(MOST), key=lambda i: self.slots[i].turn if self.slots[i] else -1)
        self.slots[at] = FormerName(registry, name, self.turn)

    def find(self, name):
        for former in filter(None, self.slots):
            if former.name == name and not former.registry.gone:
                return former.registry
        return None

    def names(self):
        return [former.name for former in self.slots if former and not former.registry.gone]

    def drop(self, name):
        self.slots = [former if former and former.name != name else None for former in self.slots]

    def expire(self):
        now = time.monotonic()
        self.slots = [former if former and not former.registry.gone and not (former.times and former.times[1] < now)
                      else None for former in self.slots]

    def wait_for_end(self, names):
        """Of those names that end soon."""
        for former in filter(None, self.slots):
            if former.times and former.name in names and time.monotonic() > former.times[0] - SLACK_S:
                time.sleep(max(0, former.times[1] + 0.02 - time.monotonic()))
        self.expire()

    def stamp(self, before):
        for former in filter(None, self.slots):
            if not former.times:
                former.times = (before + LASTS_S, time.monotonic() + LASTS_S)
