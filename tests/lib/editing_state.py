# SPDX-License-Identifier: MIT
"""What the model of tests/model knows of registries, scratch files and open handles."""

import copy
import errno as E
import os

from registry_texts import DESCRIPTION_CEILING, ONE_LINE, Refused, begins, is_beginning_of_text, parse


def errno_of(call):
    try:
        call()
    except Refused as refused:
        return refused.errnos[0]
    return 0


class Scratch:
    """A file of an editor: lives in the mount's memory."""

    def __init__(self, base, saves, text=b"", link=None, copy_of=None):
        self.text, self.link, self.copy_of = bytearray(text), link, copy_of
        self.base, self.saves = base, saves  # the registry, and this mount's saves in it, when it was made
        self.unlisted, self.became, self.failure = False, None, 0


class Registry:
    def __init__(self, state):
        self.state, self.gone = state, False
        self.scratch, self.hidden, self.failed, self.disguise, self.saves = {}, {}, set(), {}, 0
        self.saved = {}  # attribute: (number of this mount's save, the registry after it)

    def base(self):
        return copy.deepcopy(self.state)

    def seen(self, attribute, base, saves):
        """What a text was made from: own saves count as seen."""
        number, after = self.saved.get(attribute, (0, None))
        return after if number > saves else base


class Handle:
    """An open file: of an attribute that is written (draft), of a scratch file, or of a text."""

    def __init__(self, registry, flags, attribute=None, scratch=None, text=None):
        self.registry, self.attribute, self.scratch, self.text = registry, attribute, scratch, text
        self.reads = flags & os.O_ACCMODE != os.O_WRONLY
        self.writes = flags & os.O_ACCMODE != os.O_RDONLY
        self.append = bool(flags & os.O_APPEND)
        self.position, self.draft, self.moved, self.failed = 0, None, False, False


def refuses(attribute, text, now):
    try:
        parse(attribute, text, now)
    except Refused:
        return True
    return False


class Draft:
    def __init__(self, text, fresh, base, saves, append):
        self.text, self.fresh, self.base, self.saves, self.append = bytearray(text), fresh, base, saves, append
        self.appended_from = len(self.text)
        self.ceiling = max(DESCRIPTION_CEILING + 1, len(text))
        self.dirty = fresh
        self.wrote = self.truncated = self.holed = self.flushed = False
        self.failure = 0

    def is_emptied(self):
        return self.dirty and not self.wrote and not self.text

    def has_hole(self):
        """One that a later write may fill."""
        return self.holed and b"\0" in self.text

    def saved(self):
        self.dirty = self.wrote = self.truncated = False

    def follow(self, text):
        """Another handle has saved `text`."""
        if self.failure or (self.wrote and (self.fresh or not self.append)):
            return
        if self.wrote or not self.fresh or self.append:
            own = self.text[self.appended_from:] if self.wrote else b""
            self.text, self.appended_from = bytearray(text + own), len(text)
            self.ceiling = max(self.ceiling, len(self.text))
            self.fresh = self.holed = self.truncated = False
            self.dirty = self.wrote
        else:
            self.saved()

    def resize(self, size):
        if size > self.ceiling:
            self.stick(E.EFBIG)
        self.holed |= size > len(self.text)
        self.text[:] = resized(self.text, size)
        self.appended_from = min(self.appended_from, size)
        if size == 0:
            self.fresh, self.holed = True, False
        self.dirty = self.truncated = True

    def stick(self, number):
        self.failure = number
        raise Refused(number)


def is_illegal(attribute, lines, base):
    try:
        parse(attribute, lines, base)
    except Refused as refused:
        return E.EINVAL in refused.errnos
    return False


def is_hopeless(attribute, draft, append, now):
    """What was written can never become a legal text, so that write says it at once."""
    if not (draft.fresh or append) or not draft.text or draft.has_hole():
        return False
    if not draft.holed and not is_beginning_of_text(draft.text):
        return True
    if attribute == "artifact_types":
        lines = draft.text[:draft.text.rfind(b"\n") + 1]
        return bool(lines) and is_illegal(attribute, lines, draft.base) and is_illegal(attribute, lines, now)
    return attribute in ONE_LINE and not begins(attribute, draft.text)


def resized(text, size):
    return text[:size] + bytes(max(0, size - len(text)))


class Unsaved:
    """Texts that are kept in unsaved/: of each attribute the newest is in front."""

    def __init__(self):
        self.texts = {}  # (registry, attribute): list

    def keep(self, registry, attribute, text):
        kept = self.texts.setdefault((registry, attribute), [])
        if not text and kept:
            return
        if bytes(text) in kept:
            kept.remove(bytes(text))
        elif kept == [b""]:
            kept.clear()
        kept.insert(0, bytes(text))

    def drop(self, registry, attribute):
        self.texts.pop((registry, attribute), None)

    def rename(self, old, new):
        if not any(owner == new for owner, _ in self.texts):
            for key in [key for key in self.texts if key[0] == old]:
                self.texts[(new, key[1])] = self.texts.pop(key)

    def files(self):
        return {(registry, attribute if at == 0 else f"{attribute}~{at + 1}"): text
                for (registry, attribute), texts in self.texts.items() for at, text in enumerate(texts)}
