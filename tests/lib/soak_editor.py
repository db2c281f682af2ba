# SPDX-License-Identifier: MIT
"""A user who edits one registry in many ways and knows what must have become of every text (design 3):
what was acknowledged is on the server, what was refused is kept in unsaved/."""

import os
import time

from mounted import control

QUERY = "query($name: String!, $entity: String!) { project(name: $name, entityName: $entity) { description access } }"
MEMBERS = {"description": "description", "visibility": "access"}
ACCESS = {"restricted": "RESTRICTED", "organization": "PRIVATE"}
ENOUGH_SECONDS = 20  # to find again what must be there, while the server still fails
WORDS = ("model", "Größe", "日本語", "two\tcolumns", '"quoted"', "\U0001f600", "back\\slash", "%2F", "line\nbreak")


class Edit:
    """One text on its way: how far it got."""

    def __init__(self, text):
        self.text, self.data = text, text.encode()
        self.given = False  # all of it was written, so that it is the filesystem's to keep

    def write(self, path, flags, sync=False):
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, self.data)
            self.given = True
            if flags & (os.O_TRUNC | os.O_APPEND) == 0:
                os.ftruncate(descriptor, len(self.data))
            if sync:
                os.fsync(descriptor)
        except OSError:
            self.given = True  # a one-line value that was refused by write
            raise
        finally:
            os.close(descriptor)


class Editor:
    """Has the registry to itself; `tried` are texts whose fate the server alone knows."""

    def __init__(self, mount, organization, number):
        self.path = os.path.join(mount.path, organization["name"], f"soak-{number}")
        self.kept = os.path.join(mount.path, ".registryfs/unsaved", organization["name"], f"soak-{number}")
        self.project = {"name": f"wandb-registry-soak-{number}", "entity": organization["entity"]}
        self.count, self.saved, self.refused, self.not_begun, self.lost, self.longest = 0, 0, 0, 0, [], 0
        self.pending = {}  # attribute: texts that must be in unsaved/, the newest first
        os.mkdir(self.path)
        self.acknowledged = {"description": "", "visibility": "organization"}
        self.tried = {"description": set(), "visibility": set()}

    def on_server(self, attribute):
        answer = control("POST", "/graphql", {"query": QUERY, "variables": self.project})
        return answer["data"]["project"][MEMBERS[attribute]] or ""

    def edit(self, chance):
        """One edit, and what has become of it. OSError: it failed, as it may."""
        self.count += 1
        if chance.random() < 0.3:
            attribute = "visibility"
            text = chance.choice([name for name in ACCESS if name != self.acknowledged["visibility"]])
        else:
            attribute = "description"
            words = (chance.choice(WORDS) for _ in range(chance.choice((1, 10, 2000))))
            text = f"{self.count} " + " ".join(words)
        edit, begin = Edit(text + "\n"), time.monotonic()
        try:
            self.save(edit, attribute, chance)
        except OSError:
            self.failed(edit, attribute)
            raise
        finally:
            self.longest = max(self.longest, time.monotonic() - begin)
        self.succeeded(edit, attribute)

    def save(self, edit, attribute, chance):
        path, temporary = os.path.join(self.path, attribute), os.path.join(self.path, f".{attribute}.new")
        way = chance.randrange(4)
        if way == 0:
            edit.write(path, os.O_WRONLY | os.O_TRUNC)
        elif way == 1:
            edit.write(path, os.O_WRONLY | os.O_TRUNC, sync=True)
        elif way == 2:
            edit.write(path, os.O_RDWR)
        else:
            edit.write(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.rename(temporary, path)

    def failed(self, edit, attribute):
        if not edit.given:
            self.not_begun += 1
            return
        self.refused += 1
        self.tried[attribute].add(edit.text)
        places = [os.path.join(self.kept, attribute), os.path.join(self.path, f".{attribute}.new")]
        if not any(self.holds(place, edit.data, ENOUGH_SECONDS if place == places[-1] else 0) for place in places):
            self.lost.append(f"{places[0]}: refused, and not kept: {edit.text[:30]!r}")
        elif self.holds(places[0], edit.data, 0):
            self.remember(attribute, edit.data)
        self.check_server(attribute)

    def remember(self, attribute, data):
        """It is kept in front of the others, once."""
        others = [other for other in self.pending.get(attribute, []) if other != data]
        self.pending[attribute] = [data] + others

    @staticmethod
    def holds(path, data, seconds):
        deadline = time.monotonic() + seconds
        while True:
            try:
                with open(path, "rb") as file:
                    return file.read() == data
            except OSError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.1)

    def succeeded(self, edit, attribute):
        self.saved += 1
        self.acknowledged[attribute] = edit.text.removesuffix("\n")
        self.tried[attribute].clear()
        if not os.path.exists(os.path.join(self.kept, attribute)):
            self.pending.pop(attribute, None)
        elif attribute == "description":  # a word that the server has already is no save
            self.lost.append(f"{self.kept}/{attribute} is still there after a save")
        self.check_server(attribute)

    def check_server(self, attribute):
        """The server has the last acknowledged text, or one whose answer was lost."""
        now = self.on_server(attribute)
        texts = {self.acknowledged[attribute]} | {text.removesuffix("\n") for text in self.tried[attribute]}
        if now not in (texts if attribute == "description" else {ACCESS[text] for text in texts}):
            self.lost.append(f"{self.path}/{attribute} is {now[:30]!r} on the server, "
                             f"not {self.acknowledged[attribute][:30]!r}")
        elif attribute == "description":
            self.acknowledged[attribute] = now


class Rival(Editor):
    """Edits the description of a registry that another mount edits, too: `saves` is what both have
    saved. The server's text that a handle began with is the only one that it may replace; own saves
    count as seen."""

    def __init__(self, mount, organization, name, saves):
        self.path = os.path.join(mount.path, organization["name"], "soak-shared")
        self.kept = os.path.join(mount.path, ".registryfs/unsaved", organization["name"], "soak-shared")
        self.name, self.saves = name, saves
        self.count, self.saved, self.refused, self.not_begun, self.lost, self.longest = 0, 0, 0, 0, [], 0
        self.overwritten, self.in_window, self.pending, self.tried = [], 0, {}, {"description": set()}
        if not os.path.isdir(self.path):
            os.mkdir(self.path)

    def edit(self, chance):
        self.count += 1
        edit = Edit(f"{self.name} {self.count} " + "x" * chance.choice((1, 500, 30000)) + "\n")
        begin = time.monotonic()
        try:
            self.replace(edit, chance)
        except OSError:
            self.failed(edit, "description")
            raise
        finally:
            self.longest = max(self.longest, time.monotonic() - begin)
        self.saved += 1
        self.pending.pop("description", None)

    def replace(self, edit, chance):
        descriptor = os.open(os.path.join(self.path, "description"), os.O_RDWR)
        try:
            base = os.pread(descriptor, 1 << 20, 0).decode().split()[:2]
            time.sleep(chance.uniform(0, 0.5))
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, edit.data, 0)
            edit.given = True
        finally:
            closing = time.monotonic()
            os.close(descriptor)
        self.judge(base, closing)
        self.saves.append((self.name, self.count, closing, time.monotonic()))

    def judge(self, base, closing):
        """Whose texts this save has replaced that the handle had not begun with."""
        now = time.monotonic()
        mine = [save for save in self.saves if base == [save[0], str(save[1])] and save[0] == self.name]
        for name, count, began, ended in list(self.saves):
            seen = base and base[0] == name and count <= int(base[1])
            if name == self.name or seen or (mine and began < mine[0][3]):
                continue
            if ended < closing and (mine or (base and base[0] == name)):
                self.overwritten.append(f"{name} {count} by {self.name} {self.count}, begun with {base}")
            elif began < now and ended > closing:
                self.in_window += 1

    def check_server(self, attribute):
        """What is there is anybody's."""
