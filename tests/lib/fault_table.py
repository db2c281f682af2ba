# SPDX-License-Identifier: MIT
"""What the tables of failures in tests/faults share: their rows, and a way to take the server away."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults")


def rows(table, columns):
    """(name, {column: what is expected}, fault) of each row; the last field is JSON."""
    with open(os.path.join(FOLDER, table)) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, *expected, fault = line.split(None, len(columns) + 1)
                yield name, dict(zip(columns, expected)), json.loads(fault)


def patiently(prepare):
    """What prepare() brings: a mount with a small limit may need several tries on a machine that does much else."""
    deadline = time.monotonic() + 180
    while True:
        try:
            return prepare()
        except (OSError, RuntimeError):
            if time.monotonic() > deadline:
                raise


def certificate(name):
    """A file with a key and a certificate for 127.0.0.1, signed by itself."""
    path = os.path.join(os.environ["TEST_DIR"], name + ".pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path + ".key", "-out", path],
                   check=True, stderr=subprocess.DEVNULL)
    with open(path + ".key") as key, open(path, "a") as file:
        file.write(key.read())
    return path


class Proxy:
    """Between the mounts and the server at `url`, to take the server away, or to put something else there."""

    def __init__(self, url):
        self.context = None
        self.lead_to(url)
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = url.split("://", 1)[0] + "://" + self.address
        threading.Thread(target=self.accept, daemon=True).start()

    def lead_to(self, url):
        self.target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))

    def certify(self, certificate_file):
        """Nothing but a handshake with this certificate from now on."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate_file)

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        try:
            if self.context:
                self.context.wrap_socket(client, server_side=True).close()
                return
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        self.connections += [client, server]
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def end_connections(self):
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def refuse(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.end_connections()
