# SPDX-License-Identifier: MIT
"""Mounts and the sandbox's control port for tests that are written in Python."""

import errno
import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.request

SUSPICIOUS = ("Sanitizer", "runtime error:", "double free", "corrupted", "stack smashing")


class Mount:
    """registryfs in the foreground; the environment says which server and key."""

    def __init__(self, *options, environment=None):
        self.path = tempfile.mkdtemp(prefix="mnt.", dir=os.environ["TEST_DIR"])
        self.log_path = self.path + ".log"
        ready, write_end = os.pipe()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [os.environ["REGISTRYFS"], "--foreground", "--ready-fd", str(write_end), *options, self.path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(write_end,),
                env={**os.environ, **(environment or {})})
        os.close(write_end)
        with os.fdopen(ready, "rb") as pipe:
            if pipe.readline() != b"\n":
                self.process.wait(60)
                raise RuntimeError("no mount: " + self.log())

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def memory_kib(self, figure="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(figure + ":"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Unmounts; what is wrong with how it ended, or None."""
        unmount = subprocess.run(["fusermount3", "-u", self.path], stderr=subprocess.PIPE, check=False, text=True)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            subprocess.run(["fusermount3", "-u", "-z", self.path], check=False)
            self.process.kill()
            self.process.wait(10)
            return "still running 20 s after the unmount: " + unmount.stderr
        found = [word for word in SUSPICIOUS if word in self.log()]
        if status != 0 or found or unmount.returncode != 0:
            return f"ended with {status}, {found}, {unmount.stderr} {self.log()[-3000:]}"
        os.unlink(self.log_path)
        os.rmdir(self.path)
        return None


def start_sandbox(folder, seed, *options):
    """(process, what its ready file says); `folder` is for it alone."""
    ready = os.path.join(folder, "ready.json")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    process = subprocess.Popen([os.path.join(root, "tests/sandbox/sandbox"), "--seed", seed, "--ready-file", ready,
                                *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not os.path.exists(ready):
        if process.poll() is not None:
            raise RuntimeError("the sandbox does not start")
        time.sleep(0.05)
    with open(ready) as file:
        return process, json.load(file)


def control(method, path, value=None):
    """One request to the sandbox's control port."""
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(os.environ["CONTROL_URL"] + path, data, {"Content-Type": "application/json"},
                                     method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def outcome(action, seconds):
    """What a call brings: "ok", an errno's name, or "hangs" when it takes longer."""
    result = []

    def run():
        try:
            action()
            result.append("ok")
        except OSError as error:
            result.append(errno.errorcode.get(error.errno, str(error.errno)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return result[0] if result else "hangs"
