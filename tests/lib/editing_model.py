# SPDX-License-Identifier: MIT
"""What a mount must answer (design 3), computed without one: the model of tests/model.

Texts are bytes. Each operation of Model returns what its system call must bring: a value, or Refused
with the errnos that are right. One organization; what others do to the server comes through behind_*.
"""

import errno as E
import os
import re

from dropped_in import names_and_texts
from editing_state import Draft, Handle, Registry, Scratch, Unsaved, errno_of, is_hopeless, refuses, resized
from former_names import FormerNames
from others_on_server import OthersOnServer
from registry_texts import (DIRECTORIES, EDITABLE, MAY_BE_EMPTY, MEMBERS, ONE_LINE, READ_ONLY, Refused, SCRATCH_CEILING,
                            State, check_name, parse)

HIDDEN_S = 2
ANY = object()  # a value that nothing is promised of
ANYTHING = object()  # nor that there is one


class Model(OthersOnServer):
    """The mount and the server. `remembers`: what was read is fresh until a touch (a long --ttl)."""

    def __init__(self, states, remembers):
        self.registries, self.gone = {state.name: Registry(state) for state in states}, []
        self.handles, self.unsaved, self.remembers, self.former_names = {}, Unsaved(), remembers, FormerNames()
        self.saves_late = False  # the last close saves after it has been answered
        self.refuses = False  # the server does, whatever it is sent
        self.sends = 0  # mutations

    # --- names ---

    def registry(self, name, now_called=False):
        """`now_called`: by a former name it is not found."""
        former = None if now_called else self.former_names.find(name)
        if name not in self.registries and not former:
            raise Refused(E.ENOENT)
        return self.registries.get(name, former)

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

    def writers(self, registry, attribute):
        """Handles that write the attribute, also under the name of a file that has become it."""
        for slot, handle in list(self.handles.items()):
            if handle.writes and handle.registry is registry:
                handle = self.handle(slot)
                if handle.draft and handle.attribute == attribute:
                    yield handle

    def fail(self, registry, attribute, text, draft, number):
        self.unsaved.keep(registry.state.name, attribute, text)
        registry.failed.add(attribute)
        if draft:
            draft.saved()
            draft.failure = number
        raise Refused(number)

    def succeed(self, registry, attribute, draft, value, text=b""):
        """`value` None: the server had it already."""
        if draft:
            draft.saved()
            draft.base, draft.saves = registry.base(), registry.saves
        if value is None:
            return
        registry.failed.discard(attribute)
        if text.strip(b"\n") or len(text) > 1:
            self.unsaved.drop(registry.state.name, attribute)
        registry.hidden.pop(attribute, None)
        if attribute + "~" in registry.scratch:
            registry.scratch[attribute + "~"].unlisted = True
        if attribute == "name":
            self.former_names.note(registry, registry.state.name)
            self.rename_registry(registry, value.decode())
            self.unsaved.drop(registry.state.name, attribute)
        else:
            registry.state.change(attribute, value)
        registry.disguise.pop(attribute, None)
        self.note_save(registry, attribute)
        if draft:
            draft.base, draft.saves = registry.base(), registry.saves
            draft.appended_from = len(draft.text)
        for handle in self.writers(registry, attribute):
            if handle.draft is not draft:
                handle.draft.follow(registry.state.render(attribute))

    @staticmethod
    def note_save(registry, attribute):
        registry.saves += 1
        registry.saved[attribute] = (registry.saves, registry.base())

    def rename_registry(self, registry, name):
        old = registry.state.name
        del self.registries[old]
        self.registries[name] = registry
        self.former_names.drop(name)
        self.unsaved.drop(old, "name")
        self.unsaved.rename(old, name)
        registry.state.name = name

    def save(self, registry, attribute, text, base, draft=None):
        """True when something was sent."""
        now, holed = registry.state, bool(draft) and draft.has_hole()
        if self.remembers and not registry.gone:
            try:
                if parse(attribute, text, now) is None:
                    self.succeed(registry, attribute, draft, None)
                    return False
            except Refused:
                pass
        try:
            try:
                parse(attribute, text, base)
            except Refused as refused:
                if not holed and refuses(attribute, text, now):
                    raise refused
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
            self.sends += value is not None
            if self.refuses and value is not None:
                raise Refused(E.EACCES)
            if attribute == "artifact_types" and any(not line.isascii() for line in value or []):
                raise Refused(E.EINVAL)  # the server's own refusal
        except Refused as refused:
            self.fail(registry, attribute, text, draft, refused.errnos[0])
        self.succeed(registry, attribute, draft, value, text)
        return value is not None

    def save_draft(self, handle):
        draft = handle.draft
        if draft.failure:
            raise Refused(draft.failure)
        if draft.dirty:
            base = handle.registry.seen(handle.attribute, draft.base, draft.saves)
            self.save(handle.registry, handle.attribute, draft.text, base, draft)

    # --- handles ---

    def handle(self, slot):
        """The handle; that of a scratch file that was renamed over an attribute is the attribute's."""
        handle = self.handles[slot]
        if handle.scratch and handle.scratch.became:
            handle.attribute, handle.moved = handle.scratch.became, True
            handle.draft = Draft(handle.scratch.text, False, handle.scratch.base, handle.scratch.saves, handle.append)
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
                handle.draft = Draft(b"" if fresh else handle.text, fresh, registry.base(), registry.saves,
                                     handle.append)
            if not there:
                handle.draft.saved()
                del registry.hidden[name]
        else:
            if there and registry.scratch[name].link is not None:
                raise Refused(E.ELOOP)
            scratch = registry.scratch.setdefault(name, Scratch(registry.base(), registry.saves))
            if flags & os.O_TRUNC:
                scratch.text.clear()
                scratch.copy_of, scratch.failure = None, 0
            if writes or flags & os.O_TRUNC:
                scratch.base, scratch.saves = registry.base(), registry.saves
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
                handle.scratch.failure, handle.failed = E.ENOSPC, True
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
        base = handle.registry.seen(handle.attribute, draft.base, draft.saves)
        shown = base.render(handle.attribute)[:at]
        between = base is not draft.base and not draft.truncated  # what it cut off itself does not come back
        if not draft.append and between and len(draft.text) < len(shown) <= draft.ceiling:
            draft.text += shown[len(draft.text):]
        if at + len(data) > draft.ceiling:
            draft.stick(E.EFBIG)
        draft.holed |= at > len(draft.text)
        draft.text[:] = resized(draft.text, max(len(draft.text), at))
        draft.text[at:at + len(data)] = data
        draft.dirty = draft.wrote = True
        line = handle.attribute in ONE_LINE and draft.fresh and draft.text.endswith(b"\n") and not draft.has_hole()
        if line or is_hopeless(handle.attribute, draft, handle.append, handle.registry.state):
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
        return handle.text  # of when it was opened

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
            self.resize_scratch(handle.scratch, size)
            return
        if draft.failure:
            raise Refused(draft.failure)
        draft.resize(size)

    @staticmethod
    def resize_scratch(scratch, size):
        scratch.text[:] = resized(scratch.text, size)
        scratch.copy_of = None
        if size == 0:
            scratch.failure = 0

    def fsync(self, slot):
        handle = self.handle(slot)
        if handle.scratch and handle.failed and handle.scratch.failure:
            raise Refused(handle.scratch.failure)
        if handle.draft:
            try:
                if handle.draft.dirty or handle.draft.failure:
                    self.save_draft(handle)
            except Refused as refused:
                raise Refused(*(E.EIO if number == E.EINVAL else number for number in refused.errnos)) from None

    def flush(self, handle):
        draft = handle.draft
        if handle.scratch and handle.failed and handle.scratch.failure:
            raise Refused(handle.scratch.failure)
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
        if any(other is handle for other in self.handles.values()):
            self.flush(handle)
            return
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

    def dup(self, slot, other):
        self.handles[other] = self.handles[slot]

    def during_save(self, slot, data):
        """A copy is closed, and written meanwhile: errnos of both."""
        handle, before = self.handle(slot), self.sends
        closed = errno_of(lambda: self.flush(handle))
        written = errno_of(lambda: self.write(slot, data))
        if closed and self.sends > before and len(handle.draft.text) + len(data) <= handle.draft.ceiling:
            text = handle.draft.text
            at = len(text) if handle.append else handle.position
            whole = bytearray(resized(text, max(len(text), at)))
            whole[at:at + len(data)] = data
            self.unsaved.keep(handle.registry.state.name, handle.attribute, whole)
        return closed, written

    def refused_store(self, path, text):
        """Somebody writes it whole while the server refuses: errnos of open, write and close."""
        self.refuses = True
        try:
            opened = errno_of(lambda: self.open("refused", path, os.O_WRONLY | os.O_TRUNC))
            if opened:
                return opened, 0, 0
            written = errno_of(lambda: self.write("refused", text))
            return opened, written, errno_of(lambda: self.close("refused"))
        finally:
            self.refuses = False

    def keep_rest(self, registry, attribute, text):
        """What a handle was given after its last save."""
        try:
            known = self.remembers and not registry.gone and parse(attribute, text, registry.state) is None
        except Refused:
            known = False
        if not known:
            self.unsaved.keep(registry.state.name, attribute, text)

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
            self.resize_scratch(scratch, size)
        elif self.resize_drafts(registry, attribute, size):
            pass
        elif size == 0 and attribute in MAY_BE_EMPTY:
            self.save(registry, attribute, b"", registry.base())
        elif size not in (0, len(registry.state.render(attribute))):
            raise Refused(E.EINVAL)

    def resize_drafts(self, registry, attribute, size):
        """Those who have it open send it with what they write."""
        drafts = [handle.draft for handle in self.writers(registry, attribute)
                  if not handle.draft.failure and (size == 0 or handle.draft.dirty)]
        for draft in drafts:
            draft.resize(size)
        return drafts

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
        other = self.registry(new[0])
        if self.exists(new):
            raise Refused(E.EEXIST)
        if attribute or registry is not other:
            raise Refused(E.EXDEV, E.EPERM)
        if new[1] in MEMBERS:
            raise Refused(E.EPERM)
        registry.scratch[new[1]] = scratch

    def copy(self, registry, attribute, scratch, new):
        text = scratch.text if scratch else registry.state.render(attribute)
        if new[1] in MEMBERS:
            raise Refused(E.EEXIST)
        if len(text) > SCRATCH_CEILING:
            raise Refused(E.ENOSPC)
        registry.scratch.pop(new[1], None)
        self.new_scratch(new, text=text, copy_of=attribute)
        registry.scratch[new[1]].failure = scratch.failure if scratch else 0

    def rename(self, old, new, no_replace, looks):
        """`looks`: inode number and mtime of the file, which an attribute has that it is renamed over."""
        registry, attribute, scratch = self.file(old)
        other = self.registry(new[0])
        there = self.exists(new)
        if there and no_replace:
            raise Refused(E.EEXIST)
        if registry is other and old[1] == new[1]:
            return
        if old[1] in DIRECTORIES:
            raise Refused(E.EROFS, E.EPERM, E.EXDEV, E.ENOTDIR)  # the kernel's checks come first
        if new[1] in DIRECTORIES:
            raise Refused(E.EISDIR)
        if registry is not other:
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
        elif registry.scratch.get(new[1]) is not scratch:
            del registry.scratch[old[1]]
            registry.scratch[new[1]] = scratch

    def rename_over(self, registry, name, scratch, attribute, looks):
        if attribute in READ_ONLY:
            raise Refused(E.EACCES)
        if scratch.link is not None:
            raise Refused(E.EPERM)
        if scratch.failure:
            raise Refused(scratch.failure)
        sent = False
        base = registry.seen(attribute, scratch.base, scratch.saves)
        # A backup that nobody has touched is only put back.
        untouched = scratch.copy_of == attribute and base is scratch.base
        if not untouched:
            try:
                sent = self.save(registry, attribute, scratch.text, base)
            except Refused as refused:
                raise Refused(*(E.EIO if number == E.EINVAL else number for number in refused.errnos)) from None
        if not untouched:
            scratch.base = registry.base()
        scratch.saves = registry.saves
        del registry.scratch[name]
        if scratch not in registry.scratch.values():
            scratch.became = attribute
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
        self.former_names.drop(name)
        self.registries[name] = Registry(State(name, restricted=not mode & 0o077))

    def rmdir(self, name):
        registry = self.registry(name, now_called=True)
        if registry.state.collections or names_and_texts(registry):
            raise Refused(E.ENOTEMPTY)
        self.vanish(name)

    def vanish(self, name):
        registry = self.registries.pop(name)
        registry.gone = True
        self.gone.append(registry)

    def move_registry(self, old, new):
        self.registry(old)
        if len(new.encode()) > 255:
            raise Refused(E.ENAMETOOLONG)
        if self.registry(old) is (self.registries.get(new) or self.former_names.find(new)):
            return  # rename(2): two names of one directory
        registry = self.registry(old, now_called=True)
        if new in self.registries:
            raise Refused(E.EEXIST)
        if new.startswith((".", "@")):
            raise Refused(E.EPERM)
        try:
            check_name(re.sub("%2F", "/", new).encode())
        except Refused as refused:
            raise Refused(*(E.EPERM if number == E.EINVAL else number for number in refused.errnos)) from None
        self.rename_registry(registry, new)
        self.note_save(registry, "name")

    def mkdir_inside(self, path):
        self.registry(path[0], now_called=True)
        raise Refused(E.EEXIST if self.exists(path) else E.EPERM)

    def listing(self):
        return sorted(self.registries)
