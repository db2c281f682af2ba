#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tree that a mount should show, from what the server answers (design 2).

Usage: expected_tree.py BASE_URL KEY CONTROL_URL DIRECTORY

Shares nothing with registryfs but the design. Organizations are the sandbox's that the key can see.
Directories, attribute files with their texts, modes
and times, symlinks; files/ and lineage/ stay empty. The hash of a shortened name is written as eight "#".
"""

import base64
import calendar
import json
import os
import re
import sys
import threading
import time
import traceback
import urllib.parse
import urllib.request

REGISTRY = """
  id name description access allowAllArtifactTypesInRegistry createdAt updatedAt entity { name }
  artifactTypes(includeAll: true) { edges { node { name } } }"""
COLLECTION = """
  __typename id name description createdAt updatedAt project { name }
  defaultArtifactType { name } tags { edges { node { name } } }"""
VERSION = """
  versionIndex aliases { alias } artifactCollection { __typename name project { name } }
  artifact {
    id state description digest size fileCount commitHash historyStep ttlDurationSeconds
    createdAt updatedAt metadata tags { name } artifactType { name } versionIndex
    artifactSequence { name project { name entity { name } } } }"""
PAGE = "pageInfo { endCursor hasNextPage } edges { node { %s } }"


def fetch(url, body=None, headers={}):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, headers)) as answer:
        # A byte that is no UTF-8 becomes one of U+DC80..U+DCFF, and a byte again in to_bytes().
        return json.loads(answer.read().decode("utf-8", "surrogateescape"))


class Server:
    def __init__(self, base_url, key):
        self.url = base_url + "/graphql"
        self.authorization = "Basic " + base64.b64encode(b"api:" + key.encode()).decode()

    def ask(self, query, **variables):
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Authorization": self.authorization}
        return fetch(self.url, body, headers)["data"]

    def sees(self, organization):
        query = "query O($name: String!) { organization(name: $name) { orgEntity { name } } }"
        found = self.ask(query, name=organization)["organization"]
        return bool(found and found["orgEntity"])

    def listing(self, organization, field, fields, declared="", arguments="", **variables):
        query = (
            "query L($organization: String!, $after: String%s) { organization(name: $organization) {"
            " orgEntity { %s(after: $after, first: 100%s) { %s } } } }"
            % (declared, field, arguments, PAGE % fields)
        )
        nodes, after = [], None
        while True:
            data = self.ask(query, organization=organization, after=after, **variables)
            page = data["organization"]["orgEntity"][field]
            nodes += [edge["node"] for edge in page["edges"] if edge and edge["node"]]
            if not page["pageInfo"]["hasNextPage"]:
                return nodes
            after = page["pageInfo"]["endCursor"]


def to_bytes(value):
    """The bytes of a text; a lone surrogate escape becomes U+FFFD."""
    if value.isascii():
        return value.encode()
    result = b""
    for character in value:
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            result += bytes([code - 0xDC00])
        elif 0xD800 <= code <= 0xDFFF:
            result += "\ufffd".encode()
        else:
            result += character.encode()
    return result


def file_name(name):
    name = to_bytes(name)
    if name in (b".", b".."):
        return name.replace(b".", b"%2E")
    name = re.sub(rb"%(?=[0-9A-Fa-f]{2})", b"%25", name)
    name = re.sub(rb"[\x00-\x1f\x7f/]", lambda found: b"%%%02X" % found[0][0], name)
    if len(name) <= 255:
        return name
    cut = 246
    while name[cut] & 0xC0 == 0x80:
        cut -= 1
    for back in (1, 2):
        if re.match(rb"%[0-9A-F]{2}", name[cut - back : cut - back + 3]):
            cut -= back
    return name[:cut] + b"~########"


def line(value):
    return b"" if value in (None, "") else to_bytes(str(value)) + b"\n"


def lines(values):
    """Each item once, a line break inside of it as a blank; an empty one is none."""
    items = [to_bytes(one).replace(b"\n", b" ").replace(b"\r", b" ") for one in values if one]
    return b"".join(one + b"\n" for one in dict.fromkeys(items))


def sorted_lines(values):
    return lines(sorted(filter(None, values), key=to_bytes))


class Number(str):
    """A number as the server wrote it."""


def render(value, write, indent=""):
    deeper = indent + "  "
    if isinstance(value, Number):
        write(str(value))
    elif isinstance(value, dict) and value:
        opening = "{\n"
        for name, member in value.items():
            write(opening + deeper + json.dumps(name, ensure_ascii=False) + ": ")
            render(member, write, deeper)
            opening = ",\n"
        write("\n" + indent + "}")
    elif isinstance(value, list) and value:
        opening = "[\n"
        for member in value:
            write(opening + deeper)
            render(member, write, deeper)
            opening = ",\n"
        write("\n" + indent + "]")
    else:
        write(json.dumps(value, ensure_ascii=False))


def refuse(constant):
    raise ValueError(constant)  # NaN and Infinity are no JSON


def metadata(value):
    if not value:
        return b"{}\n"
    try:
        decoded = json.loads(value, parse_int=Number, parse_float=Number, parse_constant=refuse)
    except ValueError:
        return line(value)
    parts = []
    render({} if decoded is None else decoded, parts.append)
    return line("".join(parts))


def nanoseconds(*dates):
    """The first date there is, since 1970; None when it cannot be read."""
    date = next((one for one in dates if one), None)
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", date or "")
    if not found:
        return None
    try:
        whole = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
    return whole * 10**9 + int((found[2] or ".0")[1:10].ljust(9, "0"))


class Tree:
    def __init__(self, root):
        self.root = os.fsencode(root)
        self.dated = []

    def directory(self, path, moment, mode=0o555):
        """False if it is there already: of two things with one name the first (newest) counts."""
        try:
            os.mkdir(os.path.join(self.root, path))
        except FileExistsError:
            return False
        self.dated.append((path, moment, mode))
        return True

    def files(self, path, moment, texts, writable=()):
        for name, text in texts.items():
            target = os.path.join(path, name.encode())
            with open(os.path.join(self.root, target), "wb") as file:
                file.write(text)
            self.dated.append((target, moment, 0o644 if name in writable else 0o444))

    def link(self, path, target):
        if not os.path.lexists(os.path.join(self.root, path)):
            os.symlink(target, os.path.join(self.root, path))

    def finish(self):
        """Times last, inner before outer: making an entry changes its directory."""
        for path, moment, mode in reversed(self.dated):
            full = os.path.join(self.root, path)
            os.chmod(full, mode)
            if moment is not None:
                os.utime(full, ns=(moment, moment))


def names(connection):
    return [edge["node"]["name"] for edge in connection["edges"] if edge and edge["node"]]


REGISTRY_PREFIX = "wandb-registry-"
WRITABLE = ("name", "description", "visibility", "allow_all_artifact_types", "artifact_types")


def quoted(name):
    return urllib.parse.quote(to_bytes(name), safe="")


class Pages:
    """Addresses of web pages (protocol 5.10); the sandbox's pages have its own address."""

    def __init__(self, server, organization, registry):
        self.registry = "%s/orgs/%s/registry/%s" % (
            server.url[: -len("/graphql")],
            quoted(organization),
            quoted(registry["name"][len(REGISTRY_PREFIX) :]),
        )
        self.path = registry["entity"]["name"] + "/" + registry["name"] + "/"

    def collection(self, collection):
        return self.registry + "?selectionPath=" + quoted(self.path + collection["name"])

    def version(self, membership):
        page = self.collection(membership["artifactCollection"])
        return page + "&view=membership&version=v%d" % membership["versionIndex"]


def registry_texts(organization, registry, pages):
    return {
        "name": line(registry["name"][len(REGISTRY_PREFIX) :]),
        "description": line(registry["description"]),
        "visibility": line("restricted" if registry["access"] == "RESTRICTED" else "organization"),
        "allow_all_artifact_types": line(str(registry["allowAllArtifactTypesInRegistry"]).lower()),
        "artifact_types": lines(names(registry["artifactTypes"])),
        "full_name": line(registry["name"]),
        "organization": line(organization),
        "entity": line(registry["entity"]["name"]),
        "id": line(registry["id"]),
        "created_at": line(registry["createdAt"]),
        "updated_at": line(registry["updatedAt"]),
        "url": line(pages.registry),
    }


def collection_texts(collection, pages):
    return {
        "name": line(collection["name"]),
        "id": line(collection["id"]),
        "description": line(collection["description"]),
        "type": line(collection["defaultArtifactType"]["name"]),
        "tags": sorted_lines(names(collection["tags"])),
        "created_at": line(collection["createdAt"]),
        "updated_at": line(collection["updatedAt"]),
        "url": line(pages.collection(collection)),
    }


def shown_aliases(membership):
    aliases = {one["alias"] for one in membership["aliases"] if one["alias"]}
    return [one for one in aliases if not re.fullmatch(r"v\d+", one)]


def source_name(artifact):
    sequence = artifact["artifactSequence"]
    if not sequence["project"] or artifact["versionIndex"] is None:
        return ""
    project = sequence["project"]
    path = "/".join((project["entity"]["name"], project["name"], sequence["name"]))
    return "%s:v%d" % (path, artifact["versionIndex"])


def int64(number):
    """What no Int64 can hold is shown as the nearest that it can."""
    return max(-(2**63), min(2**63 - 1, int(number)))


def version_texts(membership, pages):
    artifact = membership["artifact"]
    step, ttl = artifact["historyStep"], int(artifact["ttlDurationSeconds"])
    return {
        "id": line(artifact["id"]),
        "type": line(artifact["artifactType"]["name"]),
        "state": line(artifact["state"]),
        "description": line(artifact["description"]),
        "digest": line(artifact["digest"]),
        "size": line(int64(artifact["size"])),
        "file_count": line(int64(artifact["fileCount"])),
        "commit_hash": line(artifact["commitHash"]),
        "history_step": line(None if step is None else max(int(step) - 1, 0)),
        "ttl": line(ttl if ttl > 0 else None),
        "source_name": line(source_name(artifact)),
        "created_at": line(artifact["createdAt"]),
        "updated_at": line(artifact["updatedAt"] or artifact["createdAt"]),
        "aliases": sorted_lines(shown_aliases(membership)),
        "tags": sorted_lines(one["name"] for one in artifact["tags"]),
        "metadata.json": metadata(artifact["metadata"]),
        "url": line(pages.version(membership)),
    }


def is_shown(membership):
    artifact, collection = membership["artifact"], membership["artifactCollection"]
    return (
        artifact
        and collection
        and collection["name"]
        and collection["project"]
        and (membership["versionIndex"] or 0) >= 0
        and membership["versionIndex"] is not None
        and artifact["state"] == "COMMITTED"
    )


def write_version(tree, path, membership, pages):
    artifact = membership["artifact"]
    moment = nanoseconds(artifact["updatedAt"], artifact["createdAt"])
    if tree.directory(path, moment):
        tree.files(path, moment, version_texts(membership, pages))
        tree.directory(path + b"/files", moment)
        tree.directory(path + b"/lineage", moment)


def write_collection(tree, path, collection, memberships, pages):
    moment = nanoseconds(collection["updatedAt"], collection["createdAt"])
    if not tree.directory(path, moment):
        return
    tree.files(path, moment, collection_texts(collection, pages))
    tree.directory(path + b"/versions", moment)
    tree.directory(path + b"/aliases", moment)
    for membership in memberships:
        version = b"v%d" % membership["versionIndex"]
        write_version(tree, path + b"/versions/" + version, membership, pages)
        for alias in shown_aliases(membership):
            tree.link(path + b"/aliases/" + file_name(alias), b"../versions/" + version)


def write_registry(server, tree, path, organization, registry):
    condition = json.dumps({"name": registry["name"]})
    collections = server.listing(
        organization, "artifactCollections", COLLECTION, ", $projects: JSONString",
        ", projectFilters: $projects, collectionTypes: [PORTFOLIO]", projects=condition)
    memberships = server.listing(
        organization, "artifactMemberships", VERSION, ", $projects: JSONString",
        ", projectFilters: $projects", projects=condition)
    moment = nanoseconds(registry["updatedAt"], registry["createdAt"])
    tree.directory(path, moment, 0o755)
    pages = Pages(server, organization, registry)
    tree.files(path, moment, registry_texts(organization, registry, pages), WRITABLE)
    tree.directory(path + b"/collections", moment)
    tree.directory(path + b"/versions", moment)
    tree.directory(path + b"/members", moment)
    for collection in collections:
        if not collection["name"] or not collection["project"]:
            continue
        if collection["__typename"] != "ArtifactPortfolio":
            continue
        name = collection["name"]
        mine = [one for one in memberships if is_shown(one) and one["artifactCollection"]["name"] == name]
        write_collection(tree, path + b"/collections/" + file_name(name), collection, mine, pages)
        for one in mine:
            version = "v%d" % one["versionIndex"]
            target = b"../collections/" + file_name(name) + b"/versions/" + version.encode()
            tree.link(path + b"/versions/" + file_name("%s:%s" % (name, version)), target)


def main():
    base_url, key, control_url, directory = sys.argv[1:]
    server, tree = Server(base_url, key), Tree(directory)
    state = fetch(control_url + "/state")
    organizations = [one["name"] for one in state["organizations"] if one["name"] and one["entity"]]
    for organization in filter(server.sees, organizations):
        path = file_name(organization)
        if path == b".registryfs":
            path = b"%2Eregistryfs"  # the control directory has that name
        tree.directory(path, None, 0o755)
        names = set()  # of two of one name the first is shown
        for registry in server.listing(organization, "projects", REGISTRY):
            name = registry["name"]
            if name.startswith(REGISTRY_PREFIX) and len(name) > len(REGISTRY_PREFIX) and name not in names:
                names.add(name)
                target = path + b"/" + file_name(name[len(REGISTRY_PREFIX) :])
                write_registry(server, tree, target, organization, registry)
    tree.finish()


def run():
    # Metadata may be nested deeply.
    sys.setrecursionlimit(100000)
    threading.stack_size(512 * 1024 * 1024)
    failures = []
    threading.excepthook = lambda failure: (
        failures.append(failure),
        traceback.print_exception(failure.exc_value),
    )
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    run()
