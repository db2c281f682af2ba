#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parts of the benchmark `walking` that a shell would itself take long for.

copy FROM TO: the tree without what is in the files/ of versions.
lookups COUNT: lstat() of the paths on stdin, over and over, COUNT times in all.
first DIRECTORY: its first entry.
replay BASE_URL KEY REQUESTS.json QUERIES…: sends the sandbox's log of requests again, one after the
other on one connection, and prints the seconds that it took.
"""
import base64
import http.client
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse


def copy(source, target):
    for folder, folders, files in os.walk(source):
        to = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(to, exist_ok=True)
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                os.symlink(os.readlink(path), os.path.join(to, name))
            elif name in files:
                shutil.copyfile(path, os.path.join(to, name))
        if os.path.basename(folder) == "versions" or "files" in folders:
            for name in folders:
                os.makedirs(os.path.join(to, name), exist_ok=True)
        folders[:] = [name for name in folders if name != "files"]


def lookups(count):
    paths = sys.stdin.read().split("\n")[:-1]
    for path in itertools.islice(itertools.cycle(paths), int(count)):
        os.lstat(path)


def first(directory):
    with os.scandir(directory) as entries:
        next(entries)


def replay(base_url, key, log, *queries):
    embed = os.path.join(os.path.dirname(queries[0]), "embed.py")
    documents = json.loads(subprocess.check_output([embed, "--json", *queries]))
    texts = {document["name"]: document["text"] for document in documents}
    url = urllib.parse.urlsplit(base_url)
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip",
               "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode()}
    with open(log, encoding="utf-8") as file:
        bodies = [json.dumps({"query": texts[request["operation"]], "variables": request["variables"],
                              "operationName": request["operation"]}) for request in json.load(file)]
    connection = http.client.HTTPConnection(url.hostname, url.port)
    start = time.monotonic()
    for body in bodies:
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    print(time.monotonic() - start)


globals()[sys.argv[1]](*sys.argv[2:])
