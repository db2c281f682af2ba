# SPDX-License-Identifier: MIT
"""Random sequences of operations for tests/model: lists of a verb and JSON values. Texts are str of
which each character is one byte. The model only says what is worth trying: a sequence without some of
its operations is one, too."""

import os

from registry_texts import DIRECTORIES, EDITABLE, READ_ONLY

SLOTS = range(6)
REGISTRIES = ("model", "dataset", "restricted", "r1", "r2", "a b", "größe", ".dot")
NEW_REGISTRIES = REGISTRIES + ("r1", "r2", "a:b", "a%2Fb", "@odd", "@name=none", "x" * 114, "y" * 300)
SCRATCH = ("tmp", "description~", "visibility~", "new file", ".swp", "link", "4913")
TEXTS = {
    "name": ("r1\n", "r2\n", "a b\n", "größe\n", ".dot\n", "model\n", "a/b\n", "half", "", "\n", "x" * 114 + "\n",
             " r1 \n", "r1", "two\nlines\n", "\xff\n"),
    "visibility": ("organization\n", "restricted\n", "restricted", " organization \n", "rest", "public\n", "\n", "",
                   "restricted\norganization\n", "no\0"),
    "allow_all_artifact_types": ("true\n", "false\n", "false", "tr", "yes\n", "\ttrue\n", "1\n"),
    "artifact_types": ("model\n", "model\nreport\n", "report\n", "a.b c\n", " model\n", "a/b\n", "\n\n", "",
                       "dataset\nevaluation-set\nx1\n", "no newline", "\xff\xfe\n"),
    "description": ("", "\n", "one line\n", "no newline", "two\nlines\n", "größe\n", "a\xffb\n", "a\0b\n",
                    "cut \xe2\x82", "\xac rest\n", "long line " * 400 + "\n", "x\n\n"),
}
OPEN_FLAGS = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND,
              os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREAT,
              os.O_RDWR | os.O_TRUNC | os.O_APPEND, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def as_bytes(text):
    """The bytes of a text of TEXTS: non-ASCII letters are meant as UTF-8."""
    return text.encode("utf-8") if any(letter in text for letter in "öß") else text.encode("latin-1")


def as_argument(text):
    return as_bytes(text).decode("latin-1")


class Sequence:
    """Draws the next operations, looking at the model for names that are there."""

    def __init__(self, chance, model):
        self.chance, self.model = chance, model
        self.choices = [name for name, weight in WEIGHTS.items() for _ in range(weight)]

    def next(self):
        return getattr(self, self.chance.choice(self.choices))()

    # --- what operations are about ---

    def registry(self):
        there, former = sorted(self.model.registries), self.model.former_names.names()
        dice = self.chance.random()
        if former and dice < 0.05:
            return self.chance.choice(former)
        return self.chance.choice(there if dice < 0.97 else REGISTRIES)

    def attribute(self):
        return self.chance.choice(EDITABLE + ("description", "description"))

    def name(self):
        dice = self.chance.random()
        if dice < 0.5:
            return self.attribute()
        if dice < 0.93:
            return self.chance.choice(SCRATCH)
        return self.chance.choice(READ_ONLY + DIRECTORIES)

    def text(self, registry, attribute):
        dice = self.chance.random()
        there = self.model.registries.get(registry)
        if there and attribute in EDITABLE and dice < 0.25:
            shown = there.state.render(attribute).decode("latin-1")
            return shown + ("" if dice < 0.1 else self.chance.choice(("more\n", "x2\n", "report\n")))
        if dice < 0.27:
            return "x" * self.chance.choice(((1 << 20) - 1, 1 << 20, (1 << 20) + 1)) + "\n"
        return as_argument(self.chance.choice(TEXTS.get(attribute, TEXTS["description"])))

    def slot(self, is_open):
        slots = [slot for slot in SLOTS if (slot in self.model.handles) == is_open]
        return self.chance.choice(slots) if slots else None

    def on_open(self, make):
        slot = self.slot(True)
        return self.open_file() if slot is None else [make(slot)]

    # --- single calls ---

    def open_file(self):
        slot = self.slot(False)
        if slot is None:
            return self.close()
        return [["open", slot, self.registry(), self.name(), self.chance.choice(OPEN_FLAGS)]]

    def target(self, slot):
        handle = self.model.handles[slot]
        return handle.registry.state.name, handle.attribute or "description"

    def write(self):
        return self.on_open(lambda slot: ["write", slot, self.text(*self.target(slot))[:5000] or "x"])

    def pwrite(self):
        return self.on_open(lambda slot: ["pwrite", slot, self.text(*self.target(slot))[:100] or "x",
                                          self.chance.choice((0, 0, 1, 3, 100))])

    def read(self):
        return self.on_open(lambda slot: ["read", slot])

    def ftruncate(self):
        return self.on_open(lambda slot: ["ftruncate", slot, self.chance.choice((0, 0, 0, 3, 50, (2 << 20) + 2))])

    def allocate(self):
        return self.on_open(lambda slot: ["allocate", slot, self.chance.choice((1, 20))])

    def fsync(self):
        return self.on_open(lambda slot: ["fsync", slot])

    def close_copy(self):
        return self.on_open(lambda slot: ["close_copy", slot])

    def close(self):
        return self.on_open(lambda slot: ["close", slot])

    def dup(self):
        free = self.slot(False)
        return self.close() if free is None else self.on_open(lambda slot: ["dup", slot, free])

    def during_save(self):
        return self.on_open(lambda slot: ["during_save", slot, self.text(*self.target(slot))[:5000] or "x"])

    def save_after_refusal(self):
        """`:wq` after a failure, with the text that is there."""
        registry, attribute = self.registry(), self.attribute()
        there = self.model.registries.get(registry)
        calls = [["refused_store", registry, attribute, self.text(registry, attribute)[:5000] or "x"]]
        if not there or self.chance.random() < 0.3:
            return calls
        shown = there.state.render(attribute).decode("latin-1")
        return calls + self.store(registry, attribute, shown, CREATE, ["close"])

    def show(self):
        return [["show", self.registry(), self.name()], ["stat", self.registry(), self.name()]]

    def truncate(self):
        return [["truncate", self.registry(), self.name(), self.chance.choice((0, 0, 0, 5))]]

    def set_metadata(self):
        return [["set_metadata", self.registry(), self.name(), self.chance.choice(("mode", "owner", "times"))]]

    def setxattr(self):
        return [["setxattr", self.registry(), self.name()]]

    def unlink(self):
        return [["unlink", self.registry(), self.name()]]

    def unlink_scratch(self):
        return [["unlink", self.registry(), self.chance.choice(SCRATCH)]]

    def symlink(self):
        return [["symlink", "nobody@nowhere.1", self.registry(), self.chance.choice((".swp", "link", self.name()))],
                ["readlink", self.registry(), self.chance.choice(("link", self.name()))]]

    def mknod(self):
        return [["mknod", self.registry(), self.name()]]

    def link(self):
        registry = self.registry()
        return [["link", registry, self.name(), registry, self.name()]]

    def rename(self):
        registry = self.registry()
        other = registry if self.chance.random() < 0.95 else self.registry()
        return [["rename", registry, self.name(), other, self.name(), self.chance.random() < 0.15]]

    def back_up(self):
        registry, attribute = self.registry(), self.attribute()
        moves = [["rename", registry, attribute, registry, attribute + "~", False]]
        if self.chance.random() < 0.5:
            moves.append(["rename", registry, attribute + "~", registry, attribute, False])
        return moves

    # --- programs ---

    def store(self, registry, name, text, flags, ending):
        slot = self.slot(False)
        if slot is None:
            return self.close()
        return [["open", slot, registry, name, flags]] + ([["write", slot, text]] if text else []) + [
            [verb, slot] for verb in ending]

    def echo(self):
        """A shell's redirection."""
        registry, attribute = self.registry(), self.attribute()
        flags = CREATE if self.chance.random() < 0.7 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        calls = self.store(registry, attribute, self.text(registry, attribute), flags, ["close"])
        return calls[:1] + [["close_copy", calls[0][1]]] + calls[1:] if calls[0][0] == "open" else calls

    def replace(self):
        """sed -i, git, rsync: a new file over the old one."""
        registry, attribute = self.registry(), self.attribute()
        return self.store(registry, "tmp", self.text(registry, attribute), CREATE, ["close"]) + [
            ["rename", registry, "tmp", registry, attribute, False]]

    def save_in_place(self):
        """vim: the old text moves to a backup, a new file is written and synced."""
        registry, attribute = self.registry(), self.attribute()
        backup = attribute + "~"
        return [["rename", registry, attribute, registry, backup, False]] + self.store(
            registry, attribute, self.text(registry, attribute), CREATE, ["fsync", "close"]) + [
                ["unlink", registry, backup]]

    def make_anew(self):
        registry, attribute = self.registry(), self.attribute()
        return [["unlink", registry, attribute]] + self.store(
            registry, attribute, self.text(registry, attribute), os.O_WRONLY | os.O_CREAT | os.O_EXCL, ["close"])

    # --- registries ---

    def close_orphans(self, name):
        """Handles of a registry that is gone must not meet a new one of its name."""
        return [["close", slot] for slot, handle in self.model.handles.items()
                if handle.registry.gone and handle.registry.state.name == name]

    def close_most(self, name):
        """Before a registry goes; some are left, to see what they get."""
        return [["close", slot] for slot, handle in self.model.handles.items()
                if handle.registry.state.name == name and self.chance.random() < 0.7]

    def mkdir(self):
        name = self.chance.choice(NEW_REGISTRIES)
        return self.close_orphans(name) + [["mkdir", name, self.chance.choice((0o755, 0o777, 0o700))]]

    def rmdir(self):
        name = self.registry()
        return self.close_most(name) + [["rmdir", name]]

    def move_registry(self):
        name = self.chance.choice([name for name in NEW_REGISTRIES if not name.startswith("@")])
        return self.close_orphans(name) + [["move_registry", self.registry(), name]]

    def mkdir_inside(self):
        return [["mkdir_inside", self.registry(), self.name()]]

    def list(self):
        return [["list"], ["list_registry", self.registry()], ["filter", self.registry()], ["read_file", self.registry()]]

    def signal_soon(self):
        return [["signal_soon", self.chance.choice((0, 1, 3, 10))]]

    # --- what others do on the server ---

    def behind_set(self):
        name = self.registry()
        there = self.model.registries.get(name)
        if not there:
            return self.list()
        attribute = self.chance.choice(EDITABLE[1:])
        value = {"description": self.chance.choice(("theirs", "", "two\nlines")), "artifact_types": ["theirs"]}.get(
            attribute, self.chance.random() < 0.5)
        if attribute == "artifact_types" and there.state.allow_all:
            attribute, value = "allow_all_artifact_types", False
        return [["behind_set", name, attribute, value]]

    def behind_create(self):
        name = self.chance.choice([name for name in REGISTRIES if name not in self.model.registries] or [None])
        return self.close_orphans(name) + [["behind_create", name]] if name else self.list()

    def behind_delete(self):
        name = self.registry()
        there = self.model.registries.get(name)
        if not there or there.state.collections:
            return self.list()
        return self.close_most(name) + [["behind_delete", name]]

    def behind_rename(self):
        name = self.registry()
        new = self.chance.choice([name for name in REGISTRIES if name not in self.model.registries] or [None])
        if not new or name not in self.model.registries:
            return self.list()
        return self.close_orphans(new) + self.close_most(name) + [["behind_rename", name, new]]


WEIGHTS = {
    "open_file": 10, "write": 10, "pwrite": 3, "read": 5, "ftruncate": 3, "allocate": 1, "fsync": 4, "close_copy": 2,
    "close": 7, "dup": 2, "during_save": 1, "save_after_refusal": 2, "show": 10, "truncate": 2, "set_metadata": 2,
    "setxattr": 1, "unlink": 1, "unlink_scratch": 3, "symlink": 1, "mknod": 1, "link": 2, "rename": 4, "back_up": 2,
    "echo": 10, "replace": 5, "save_in_place": 3, "make_anew": 2, "mkdir": 2, "rmdir": 1, "move_registry": 2,
    "mkdir_inside": 1, "list": 3, "behind_set": 3, "behind_create": 1, "behind_delete": 1, "behind_rename": 1,
    "signal_soon": 3,
}
