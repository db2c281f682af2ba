# SPDX-License-Identifier: MIT
"""What a mount must answer (design 3), computed without one: the model of tests/model.

Texts are bytes. Each operation of Model returns what its system call must bring: a value, or Refused
with the errnos that are right. One organization; what others do to the server comes through behind_*.
"""

import copy
import errno as E
import os
import re

from registry_texts import (DESCRIPTION_CEILING, DIRECTORIES, EDITABLE, MAY_BE_EMPTY, MEMBERS, ONE_LINE, READ_ONLY,
                            Refused, SCRATCH_CEILING, State, begins, check_name, is_beginning_of_text, parse)

HIDDEN_S = 2
ANY = object()  # a value that nothing is promised of
ANYTHING = object()  # nor that there is one


class Scratch:
    """A file of an editor: lives in the mount's memory."""

    def __init__(self, base, saves, text=b"", link=None, copy_of=None):
        self.text, self.link, self.copy_of = bytearray(text), link, copy_of
        self.base, self.saves = base, saves  # the registry, and this mount's saves in it, when it was made
        self.unlisted, self.became = False, None


class Registry:
    def __init__(self, state):
        self.state, self.gone = state, False
        self.scratch, self.hidden, self.failed, self.disguise, self.saves = {}, {}, set(), {}, 0

    def base(self):
        return copy.deepcopy(self.state)


class Handle:
    """An open file: of an attribute that is written (draft), of a scratch file, or of a text."""

    def __init__(self, registry, flags, attribute=None, scratch=None, text=None):
        self.registry, self.attribute, self.scratch, self.text = registry, attribute, scratch, text
        self.reads = flags & os.O_ACCMODE != os.O_WRONLY
        self.writes = flags & os.O_ACCMODE != os.O_RDONLY
        self.append = bool(flags & os.O_APPEND)
        self.position, self.draft, self.moved = 0, None, False


class Draft:
    def __init__(self, text, fresh, base):
        self.text, self.fresh, self.base = bytearray(text), fresh, base
        self.ceiling = max(DESCRIPTION_CEILING + 1, len(text))
        self.dirty = fresh
        self.wrote = self.truncated = self.holed = self.flushed = False
        self.failure = 0

    def is_emptied(self):
        return self.dirty and not self.wrote and not self.text

    def saved(self):
        self.dirty = self.wrote = self.truncated = False

    def stick(self, number):
        self.failure = number
        raise Refused(number)


def is_hopeless(attribute, draft, append):
    """What was written can never become a legal text, so that write says it at once."""
    if not (draft.fresh or append) or not draft.text:
        return False
    if not draft.holed and not is_beginning_of_text(draft.text):
        return True
    if attribute == "artifact_types":
        lines = draft.text[:draft.text.rfind(b"\n") + 1]
        try:
            if lines:
                parse(attribute, lines, draft.base)
        except Refused as refused:
            return E.EINVAL in refused.errnos
        return False
    return attribute in ONE_LINE and not begins(attribute, draft.text)


def resized(text, size):
    return text[:size] + bytes(max(0, size - len(text)))


class Model:
    """The mount and the server. `remembers`: what was read is fresh until a touch (a long --ttl)."""

    def __init__(self, states, remembers):
        self.registries = {state.name: Registry(state) for state in states}
        self.handles, self.unsaved, self.remembers = {}, {}, remembers
        self.saves_late = False  # the last close saves after it has been answered

    # --- names ---

    def registry(self, name):
        if name not in self.registries:
            raise Refused(E.ENOENT)
        return self.registries[name]

    def file(self, path):
        """(registry, attribute or None, scratch file or None) of a path that must be there."""
        registry_name, name = path
        registry = self.registry(registry_name)
        if name in MEMBERS:
            if name in registry.hidden:
                raise Refused(E.ENOENT)
            return registry, name, None
        if name not in registry.scratch:
            raise Refused(E.ENOENT)
        return registry, None, registry.scratch[name]

    def exists(self, path):
        try:
            self.file(path)
        except Refused:
            return False
        return True

    def names(self, registry):
        return sorted([name for name in MEMBERS if name not in registry.hidden] +
                      [name for name, scratch in registry.scratch.items() if not scratch.unlisted])

    # --- saving ---

    def fail(self, registry, attribute, text, draft, number):
        self.unsaved[(registry.state.name, attribute)] = bytes(text)
        registry.failed.add(attribute)
        if draft:
            draft.saved()
            draft.failure = number
        raise Refused(number)

    def succeed(self, registry, attribute, draft, value):
        """`value` None: the server had it already."""
        if draft:
            draft.saved()
            draft.base = registry.base()
        registry.failed.discard(attribute)
        self.unsaved.pop((registry.state.name, attribute), None)
        if value is None:
            return
        registry.saves += 1
        registry.hidden.pop(attribute, None)
        if attribute + "~" in registry.scratch:
            registry.scratch[attribute + "~"].unlisted = True
        if attribute == "name":
            self.rename_registry(registry, value.decode())
            self.unsaved.pop((registry.state.name, attribute), None)
        else:
            registry.state.change(attribute, value)
        registry.disguise.pop(attribute, None)
        if draft:
            draft.base = registry.base()

    def rename_registry(self, registry, name):
        old = registry.state.name
        del self.registries[old]
        self.registries[name] = registry
        self.unsaved.pop((old, "name"), None)
        if not any(owner == name for owner, _ in self.unsaved):
            for key in [key for key in self.unsaved if key[0] == old]:
                self.unsaved[(name, key[1])] = self.unsaved.pop(key)
        registry.state.name = name

    def save(self, registry, attribute, text, base, draft=None):
        """True when something was sent."""
        now = registry.state
        if self.remembers and not registry.gone:
            try:
                if parse(attribute, text, now) is None:
                    self.succeed(registry, attribute, None, None)
                    if draft:
                        draft.saved()
                    return False
            except Refused:
                pass
        try:
            parse(attribute, text, base)
            if registry.gone:
                raise Refused(E.ENOENT, E.ESTALE)
            try:
                value = parse(attribute, text, now)
            except Refused:
                value = ANY
            if value is not None and base.render(attribute) != now.render(attribute):
                raise Refused(E.ESTALE)
            value = parse(attribute, text, now)
            if attribute == "name" and value is not None and value.decode() in self.registries:
                raise Refused(E.EEXIST)
            if attribute == "artifact_types" and any(not line.isascii() for line in value or []):
                raise Refused(E.EINVAL)  # the server's own refusal
        except Refused as refused:
            self.fail(registry, attribute, text, draft, refused.errnos[0])
        self.succeed(registry, attribute, draft, value)
        return value is not None

    def save_draft(self, handle):
        draft = handle.draft
        if draft.failure:
            raise Refused(draft.failure)
        self.save(handle.registry, handle.attribute, draft.text, draft.base, draft)

    # --- handles ---

    def handle(self, slot):
        """The handle; that of a scratch file that was renamed over an attribute is the attribute's."""
        handle = self.handles[slot]
        if handle.scratch and handle.scratch.became:
            handle.attribute, handle.moved = handle.scratch.became, True
            handle.draft = Draft(handle.scratch.text, False, handle.registry.base())
            handle.scratch = None
        return handle

    def open(self, slot, path, flags):
        registry = self.registry(path[0])
        name = path[1]
        there = self.exists(path)
        if not there and not flags & os.O_CREAT:
            raise Refused(E.ENOENT)
        if there and flags & os.O_CREAT and flags & os.O_EXCL:
            raise Refused(E.EEXIST)
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        if name in DIRECTORIES:
            raise Refused(E.EISDIR)  # the driver refuses what the kernel opens for reading
        if name in READ_ONLY and writes:
            raise Refused(E.EACCES)
        if name in MEMBERS:
            handle = Handle(registry, flags, attribute=name, text=ANY)
            if name in EDITABLE:
                handle.text = registry.state.render(name)
            if not there or (name in EDITABLE and writes):
                fresh = bool(flags & os.O_TRUNC) or not there
                handle.draft = Draft(b"" if fresh else handle.text, fresh, registry.base())
            if not there:
                handle.draft.saved()
                del registry.hidden[name]
        else:
            if there and registry.scratch[name].link is not None:
                raise Refused(E.ELOOP)
            scratch = registry.scratch.setdefault(name, Scratch(registry.base(), registry.saves))
            if flags & os.O_TRUNC:
                scratch.text.clear()
                scratch.copy_of = None
            handle = Handle(registry, flags, scratch=scratch)
        self.handles[slot] = handle

    def write(self, slot, data, offset=None):
        handle = self.handle(slot)
        if not handle.writes:
            raise Refused(E.EBADF)
        at = handle.position if offset is None else offset
        text = handle.draft.text if handle.draft else handle.scratch.text
        if handle.append:
            at = len(text)
        if handle.draft:
            self.write_draft(handle, data, at)
        else:
            if at + len(data) > SCRATCH_CEILING:
                raise Refused(E.ENOSPC)
            text[:] = resized(text, max(len(text), at))
            text[at:at + len(data)] = data
            handle.scratch.copy_of = None
        if offset is None:
            handle.position = at + len(data)
        return len(data)

    def write_draft(self, handle, data, at):
        draft = handle.draft
        if draft.failure:
            raise Refused(draft.failure)
        if at + len(data) > draft.ceiling:
            draft.stick(E.EFBIG)
        draft.holed |= at > len(draft.text)
        draft.text[:] = resized(draft.text, max(len(draft.text), at))
        draft.text[at:at + len(data)] = data
        draft.dirty = draft.wrote = True
        line = handle.attribute in ONE_LINE and draft.fresh and draft.text.endswith(b"\n")
        if line or is_hopeless(handle.attribute, draft, handle.append):
            self.save_draft(handle)

    def read(self, slot):
        handle = self.handle(slot)
        if not handle.reads:
            raise Refused(E.EBADF)
        if handle.draft:
            return ANY if handle.moved else bytes(handle.draft.text)
        if handle.scratch:
            return bytes(handle.scratch.text)
        if handle.registry.gone:
            return ANYTHING
        # What was there when it was opened; the kernel may have newer pages meanwhile.
        same = handle.attribute in EDITABLE and handle.registry.state.render(handle.attribute) == handle.text
        return handle.text if same else ANY

    def resize(self, slot, size, only_grow=False):
        """ftruncate, and with `only_grow` posix_fallocate."""
        handle = self.handle(slot)
        if not handle.writes:
            raise Refused(E.EBADF if only_grow else E.EINVAL)
        draft = handle.draft
        text = draft.text if draft else handle.scratch.text
        if only_grow and size <= len(text):
            return
        if not draft:
            if size > SCRATCH_CEILING:
                raise Refused(E.ENOSPC)
            text[:] = resized(text, size)
            handle.scratch.copy_of = None
            return
        if draft.failure:
            raise Refused(draft.failure)
        if size > draft.ceiling:
            draft.stick(E.EFBIG)
        draft.holed |= size > len(text)
        text[:] = resized(text, size)
        if size == 0:
            draft.fresh, draft.holed = True, False
        draft.dirty = draft.truncated = True

    def fsync(self, slot):
        handle = self.handle(slot)
        if handle.draft:
            try:
                if handle.draft.dirty or handle.draft.failure:
                    self.save_draft(handle)
            except Refused as refused:
                raise Refused(*(E.EIO if number == E.EINVAL else number for number in refused.errnos)) from None

    def flush(self, handle):
        draft = handle.draft
        if not draft:
            return
        due = draft.dirty and (draft.wrote or draft.truncated or draft.flushed)
        draft.flushed = True
        if due and draft.is_emptied() and handle.attribute not in MAY_BE_EMPTY:
            draft.saved()
        if draft.failure:
            raise Refused(draft.failure)
        if due and draft.dirty:
            self.save_draft(handle)

    def close_copy(self, slot):
        self.flush(self.handle(slot))

    def close(self, slot):
        """What the last close finds emptied is saved a moment later."""
        handle = self.handle(slot)
        del self.handles[slot]
        try:
            self.flush(handle)
        finally:
            draft = handle.draft
            if draft and draft.is_emptied() and not draft.failure and handle.attribute in MAY_BE_EMPTY:
                self.saves_late = True
                try:
                    self.save_draft(handle)
                except Refused:
                    pass
            if draft and draft.wrote:
                self.keep_rest(handle.registry, handle.attribute, draft.text)

    def keep_rest(self, registry, attribute, text):
        """What a handle was given after its last save."""
        try:
            known = self.remembers and not registry.gone and parse(attribute, text, registry.state) is None
        except Refused:
            known = False
        if not known:
            self.unsaved[(registry.state.name, attribute)] = bytes(text)

    # --- calls on paths ---

    def show(self, path):
        registry, attribute, scratch = self.file(path)
        if attribute in DIRECTORIES:
            raise Refused(E.EISDIR)
        if scratch:
            if scratch.link is not None:
                raise Refused(E.ELOOP)
            return bytes(scratch.text)
        return registry.state.render(attribute) if attribute in EDITABLE else ANY

    def stat(self, path):
        """The size."""
        registry, attribute, scratch = self.file(path)
        if scratch:
            return len(scratch.link if scratch.link is not None else scratch.text)
        return len(registry.state.render(attribute)) if attribute in EDITABLE else ANY

    def truncate(self, path, size):
        registry, attribute, scratch = self.file(path)
        if attribute in DIRECTORIES:
            raise Refused(E.EISDIR)
        if attribute in READ_ONLY:
            raise Refused(E.EACCES)
        if scratch and scratch.link is not None:
            raise Refused(E.ENOENT)
        if scratch:
            if size > SCRATCH_CEILING:
                raise Refused(E.ENOSPC)
            scratch.text[:] = resized(scratch.text, size)
            scratch.copy_of = None
        elif size == 0 and attribute in MAY_BE_EMPTY:
            self.save(registry, attribute, b"", registry.base())
        elif size not in (0, len(registry.state.render(attribute))):
            raise Refused(E.EINVAL)

    def set_metadata(self, path, what):
        """chmod, chown, utimens: succeed, and say nothing of an attribute."""
        _, attribute, scratch = self.file(path)
        if attribute in READ_ONLY:
            raise Refused(E.EACCES)
        if attribute in DIRECTORIES and what != "times":
            raise Refused(E.EROFS)
        if scratch and scratch.link is not None:
            raise Refused(E.ENOENT)

    def setxattr(self, path):
        _, _, scratch = self.file(path)
        raise Refused(*([E.EOPNOTSUPP] if not scratch or scratch.link is None else [E.ENOENT]))

    def unlink(self, path):
        registry, attribute, scratch = self.file(path)
        if scratch:
            del registry.scratch[path[1]]
        elif attribute in DIRECTORIES:
            raise Refused(E.EISDIR)
        elif attribute in READ_ONLY:
            raise Refused(E.EACCES)
        else:
            registry.hidden[attribute] = None  # the times are the driver's

    def new_scratch(self, path, **members):
        registry = self.registry(path[0])
        if path[1] in MEMBERS or path[1] in registry.scratch:
            raise Refused(E.EEXIST)
        registry.scratch[path[1]] = Scratch(registry.base(), registry.saves, **members)

    def symlink(self, target, path):
        self.new_scratch(path, link=target)

    def mknod(self, path):
        self.new_scratch(path)

    def readlink(self, path):
        _, _, scratch = self.file(path)
        if not scratch or scratch.link is None:
            raise Refused(E.EINVAL)
        return scratch.link

    def link(self, old, new):
        registry, attribute, scratch = self.file(old)
        self.registry(new[0])
        if self.exists(new):
            raise Refused(E.EEXIST)
        if attribute in DIRECTORIES or (scratch and scratch.link is not None):
            raise Refused(E.EPERM, E.EXDEV)
        if attribute in READ_ONLY or old[0] != new[0]:
            raise Refused(E.EXDEV, E.EPERM)
        self.copy(registry, attribute, scratch, new)

    def copy(self, registry, attribute, scratch, new):
        text = scratch.text if scratch else registry.state.render(attribute)
        if new[1] in MEMBERS:
            raise Refused(E.EEXIST)
        if len(text) > SCRATCH_CEILING:
            raise Refused(E.ENOSPC)
        registry.scratch.pop(new[1], None)
        self.new_scratch(new, text=text, copy_of=attribute)

    def rename(self, old, new, no_replace, looks):
        """`looks`: inode number and mtime of the file, which an attribute has that it is renamed over."""
        registry, attribute, scratch = self.file(old)
        self.registry(new[0])
        there = self.exists(new)
        if there and no_replace:
            raise Refused(E.EEXIST)
        if old == new:
            return
        if old[1] in DIRECTORIES:
            raise Refused(E.EROFS, E.EPERM, E.EXDEV, E.ENOTDIR)  # the kernel's checks come first
        if new[1] in DIRECTORIES:
            raise Refused(E.EISDIR)
        if old[0] != new[0]:
            raise Refused(E.EXDEV, E.EPERM)
        if attribute:
            if new[1] in MEMBERS:
                raise Refused(E.EPERM)
            if attribute in READ_ONLY:
                raise Refused(E.EACCES)
            self.copy(registry, attribute, None, new)
            registry.hidden[attribute] = None
        elif new[1] in MEMBERS:
            self.rename_over(registry, old[1], scratch, new[1], looks)
        else:
            del registry.scratch[old[1]]
            registry.scratch[new[1]] = scratch

    def rename_over(self, registry, name, scratch, attribute, looks):
        if attribute in READ_ONLY:
            raise Refused(E.EACCES)
        if scratch.link is not None:
            raise Refused(E.EPERM)
        sent = False
        untouched = scratch.copy_of == attribute and scratch.saves == registry.saves
        # A backup that nobody has touched is only put back.
        if not untouched:
            base = scratch.base if scratch.saves == registry.saves else registry.base()
            try:
                sent = self.save(registry, attribute, scratch.text, base)
            except Refused as refused:
                raise Refused(*(E.EIO if number == E.EINVAL else number for number in refused.errnos)) from None
        scratch.became = attribute
        del registry.scratch[name]
        registry.hidden.pop(attribute, None)
        if sent:
            registry.disguise[attribute] = (looks, registry.state.render(attribute))

    # --- registries ---

    def mkdir(self, name, mode):
        if len(name.encode()) > 255:
            raise Refused(E.ENAMETOOLONG)
        if name.startswith("@"):
            raise Refused(E.EEXIST if re.fullmatch("@name=[^,]*", name) else E.EINVAL)
        if name in self.registries:
            raise Refused(E.EEXIST)
        if name.startswith("."):
            raise Refused(E.EPERM)
        check_name(re.sub("%2F", "/", name).encode())
        self.registries[name] = Registry(State(name, restricted=not mode & 0o077))

    def rmdir(self, name):
        registry = self.registry(name)
        if registry.state.collections:
            raise Refused(E.ENOTEMPTY)
        self.vanish(name)

    def vanish(self, name):
        self.registries.pop(name).gone = True

    def move_registry(self, old, new):
        registry = self.registry(old)
        if len(new.encode()) > 255:
            raise Refused(E.ENAMETOOLONG)
        if old == new:
            return
        if new in self.registries:
            raise Refused(E.EEXIST)
        if new.startswith((".", "@")):
            raise Refused(E.EPERM)
        try:
            check_name(re.sub("%2F", "/", new).encode())
        except Refused as refused:
            raise Refused(*(E.EPERM if number == E.EINVAL else number for number in refused.errnos)) from None
        self.rename_registry(registry, new)

    def mkdir_inside(self, path):
        self.registry(path[0])
        raise Refused(E.EEXIST if self.exists(path) else E.EPERM)

    def listing(self):
        return sorted(self.registries)

    # --- what others do on the server; the directory is touched afterwards ---

    def behind_set(self, name, attribute, value):
        registry = self.registries[name]
        registry.state.change(attribute, value)

    def behind_create(self, name):
        self.registries[name] = Registry(State(name))

    def behind_delete(self, name):
        self.vanish(name)

    def behind_rename(self, old, new):
        state = self.registries[old].base()
        self.vanish(old)
        state.name = new
        self.registries[new] = Registry(state)
