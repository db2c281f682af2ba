# SPDX-License-Identifier: MIT
"""The real side of tests/model: a mount, the calls on it, and what other clients do to the server."""

import errno as E
import hashlib
import multiprocessing
import os
import signal
import threading
import time

from mounted import Mount, control
from registry_texts import PREFIX

SLOW_MS = 1500  # for a save that something else is to happen beside, on a busy machine too
ENTITY, ORGANIZATION = "acme-org-entity", "acme"


def registries_on_server():
    organizations = control("GET", "/state")["organizations"]
    found = next(one for one in organizations if one["name"] == ORGANIZATION)["registries"]
    return {one["name"][len(PREFIX):]: one for one in found}


def mutate(what, **members):
    answer = control("POST", "/graphql", {"query": f"mutation M($input: {what[0].upper()}{what[1:]}Input!) "
                                          f"{{ {what}(input: $input) {{ clientMutationId }} }}",
                                          "variables": {"input": members}})
    if answer.get("errors"):
        raise RuntimeError(f"{what} {members}: {answer}")


def upsert(name, **members):
    mutate("upsertModel", entityName=ENTITY, name=PREFIX + name, **members)


def refuse(operation):
    control("POST", "/faults", {"kind": "errors", "operation": operation, "status": 403, "times": -1, "data": "null",
                                "errors": [{"message": "permission denied"}]})


def mutations():
    operations = control("GET", "/counts")["operations"]
    return operations.get("UpsertRegistry", 0) + operations.get("RenameRegistry", 0)


def errno_of(call):
    try:
        call()
    except OSError as error:
        return error.errno
    return 0


class Remover:
    """Removes directories in another session: in this one it would be a recursive deleter's, after an unlink.
    Forked before any file is open: the end of a child closes its copies, which saves what was written."""

    def __init__(self):
        self.orders, theirs = multiprocessing.Pipe()
        self.child = os.fork()
        if self.child == 0:
            self.orders.close()
            os.setsid()
            self.serve(theirs)
        theirs.close()

    @staticmethod
    def serve(orders):
        try:
            while True:
                path = orders.recv()
                orders.send(errno_of(lambda path=path: os.rmdir(path)))
        except EOFError:
            os._exit(0)

    def rmdir(self, path):
        self.orders.send(path)
        number = self.orders.recv()
        if number:
            raise OSError(number, "rmdir")

    def stop(self):
        self.orders.close()
        os.waitpid(self.child, 0)


class System:
    """The mounted filesystem; each method is one operation, done for real."""

    def __init__(self, ttl):
        control("POST", "/seed", "sample")
        self.mount = Mount("--ttl", ttl, "--negative-ttl", ttl, "--log-level", "error")
        self.root = os.path.join(self.mount.path, ORGANIZATION)
        self.remover = Remover()
        self.files = {}

    def stop(self):
        self.remover.stop()
        return self.mount.stop()

    def path(self, registry, name=""):
        return os.path.join(self.root, registry, name)

    def open(self, slot, registry, name, flags):
        file = os.open(self.path(registry, name), flags | os.O_NOFOLLOW, 0o644)
        if os.path.isdir(f"/proc/self/fd/{file}"):
            os.close(file)
            raise IsADirectoryError(E.EISDIR, name)
        self.files[slot] = file

    def write(self, slot, data):
        done = 0
        while done < len(data):
            done += os.write(self.files[slot], data[done:done + 65536])
        return done

    def pwrite(self, slot, data, offset):
        return os.pwrite(self.files[slot], data, offset)

    def read(self, slot):
        return os.pread(self.files[slot], 4 << 20, 0)

    def ftruncate(self, slot, size):
        os.ftruncate(self.files[slot], size)

    def allocate(self, slot, size):
        os.posix_fallocate(self.files[slot], 0, size)

    def fsync(self, slot):
        os.fsync(self.files[slot])

    def close_copy(self, slot):
        os.close(os.dup(self.files[slot]))

    def close(self, slot):
        os.close(self.files.pop(slot))

    def dup(self, slot, other):
        self.files[other] = os.dup(self.files[slot])

    def during_save(self, slot, data):
        file, closed, before = self.files[slot], [], mutations()
        for operation in ("UpsertRegistry", "RenameRegistry"):
            control("POST", "/faults", {"kind": "delay", "operation": operation, "ms": SLOW_MS})
        saving = threading.Thread(target=lambda: closed.append(errno_of(lambda: os.close(os.dup(file)))))
        saving.start()
        while saving.is_alive() and mutations() == before:
            time.sleep(0.01)
        written = errno_of(lambda: os.write(file, data))
        saving.join()
        control("DELETE", "/faults")
        return closed[0], written

    def refused_store(self, registry, name, text):
        refuse("UpsertRegistry")
        refuse("RenameRegistry")
        try:
            opened = errno_of(lambda: self.open("refused", registry, name, os.O_WRONLY | os.O_TRUNC))
            if opened:
                return opened, 0, 0
            written = errno_of(lambda: os.write(self.files["refused"], text))
            return opened, written, errno_of(lambda: self.close("refused"))
        finally:
            control("DELETE", "/faults")

    def show(self, registry, name):
        file = os.open(self.path(registry, name), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            return os.read(file, 4 << 20)
        finally:
            os.close(file)

    def stat(self, registry, name):
        return os.lstat(self.path(registry, name)).st_size

    def truncate(self, registry, name, size):
        os.truncate(self.path(registry, name), size)

    def set_metadata(self, registry, name, what):
        path = self.path(registry, name)
        if what == "mode":
            os.chmod(path, 0o600)
        elif what == "owner":
            os.chown(path, 12345, 12345)
        else:
            os.utime(path, (1e9, 1e9))

    def setxattr(self, registry, name):
        os.setxattr(self.path(registry, name), "user.x", b"y")

    def unlink(self, registry, name):
        os.unlink(self.path(registry, name))

    def symlink(self, target, registry, name):
        os.symlink(target, self.path(registry, name))

    def mknod(self, registry, name):
        os.mknod(self.path(registry, name), 0o644)

    def readlink(self, registry, name):
        return os.readlink(os.fsencode(self.path(registry, name)))

    def link(self, registry, name, new_registry, new_name):
        os.link(self.path(registry, name), self.path(new_registry, new_name), follow_symlinks=False)

    def rename(self, registry, name, new_registry, new_name, no_replace):
        old, new = self.path(registry, name), self.path(new_registry, new_name)
        if no_replace and os.path.lexists(new):
            os.lstat(old)
            raise FileExistsError(E.EEXIST, "renameat2")
        os.rename(old, new)

    def mkdir(self, name, mode):
        os.mkdir(os.path.join(self.root, name), mode)

    def rmdir(self, name):
        self.remover.rmdir(os.path.join(self.root, name))

    def move_registry(self, name, new):
        os.rename(os.path.join(self.root, name), os.path.join(self.root, new))

    def mkdir_inside(self, registry, name):
        os.mkdir(self.path(registry, name))

    def list(self):
        return sorted(os.listdir(self.root))

    def list_registry(self, name):
        return sorted(os.listdir(self.path(name)))

    def filter(self, name):
        return os.listdir(os.path.join(self.root, "@name=" + name))

    def read_file(self, name):
        """The first file of the first version of a registry, by its hash."""
        for collection in sorted(os.listdir(self.path(name, "collections"))):
            files = self.path(name, f"collections/{collection}/versions/v0/files")
            if os.path.isdir(files):
                first = next(entry for entry in sorted(os.listdir(files)) if os.path.isfile(os.path.join(files, entry)))
                with open(os.path.join(files, first), "rb") as file:
                    return hashlib.md5(file.read()).hexdigest()
        return None

    def behind_set(self, name, attribute, value):
        members = {"description": "description", "visibility": "access", "artifact_types": "artifactTypes",
                   "allow_all_artifact_types": "allowAllArtifactTypesInRegistry"}
        if attribute == "visibility":
            value = "RESTRICTED" if value else "PRIVATE"
        elif attribute == "artifact_types":
            value = [{"name": line} for line in value]
        upsert(name, **{members[attribute]: value})
        self.touch()

    def behind_create(self, name):
        upsert(name)
        self.touch(name)

    def behind_delete(self, name):
        mutate("deleteModel", id=registries_on_server()[name]["id"])
        self.touch()

    def behind_rename(self, name, new):
        mutate("renameProject", entityName=ENTITY, oldProjectName=PREFIX + name, newProjectName=PREFIX + new)
        self.touch(new)

    @staticmethod
    def signal_soon(delay_ms):
        """A signal that is caught comes into one of the next calls, which must not notice."""
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.siginterrupt(signal.SIGUSR1, False)
        timer = threading.Timer(delay_ms / 1000, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1))
        timer.daemon = True
        timer.start()

    def touch(self, new=""):
        """A `new` registry is looked up: that ends what a former name led to. The kernel is told of missing
        names just after the touch has been answered: it holds the directory's lock until then."""
        os.utime(self.root)
        deadline = time.monotonic() + 5
        while not os.path.lexists(os.path.join(self.root, new)) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.listdir(self.root)
