# SPDX-License-Identifier: MIT
"""Texts of a registry's attributes (design 3, protocol 6): what the server has, what a text asks for.
Part of the model of tests/model; texts are bytes."""

import codecs
import errno as E
import re

EDITABLE = ("name", "description", "visibility", "allow_all_artifact_types", "artifact_types")
READ_ONLY = ("full_name", "organization", "entity", "id", "created_at", "updated_at", "url")
DIRECTORIES = ("collections", "versions", "members")
MEMBERS = EDITABLE + READ_ONLY + DIRECTORIES
ONE_LINE = ("name", "visibility", "allow_all_artifact_types")
MAY_BE_EMPTY = ("description", "artifact_types")
WORDS = {"visibility": (b"organization", b"restricted"), "allow_all_artifact_types": (b"false", b"true")}
PREFIX = "wandb-registry-"
DESCRIPTION_CEILING, SCRATCH_CEILING = 1 << 20, 2 << 20
NAME_CHARACTERS, TYPE_CHARACTERS = 128 - len(PREFIX), 128
BLANKS = b" \t\n\v\f\r"


class Refused(Exception):
    """The call must fail, with one of these errnos."""

    def __init__(self, *errnos):
        super().__init__(" or ".join(E.errorcode[number] for number in errnos))
        self.errnos = errnos


class State:
    """A registry as the server has it."""

    def __init__(self, name, description=b"", restricted=False, allow_all=True, types=(), collections=()):
        self.name, self.description, self.restricted = name, description, restricted
        self.allow_all, self.types, self.collections = allow_all, list(types), list(collections)

    def render(self, attribute):
        if attribute == "visibility":
            return WORDS[attribute][self.restricted] + b"\n"
        if attribute == "allow_all_artifact_types":
            return WORDS[attribute][self.allow_all] + b"\n"
        if attribute == "artifact_types":
            return b"".join(line + b"\n" for line in self.types)
        text = self.name.encode() if attribute == "name" else self.description
        return text + b"\n" if text else b""

    def change(self, attribute, value):
        if attribute == "visibility":
            self.restricted = bool(value)
        elif attribute == "allow_all_artifact_types":
            self.allow_all = bool(value)
        elif attribute == "artifact_types":
            self.types += [line for line in value if line not in self.types]
        elif attribute == "description":
            self.description = value
        else:
            self.name = value.decode()


# --- texts (design 3, protocol 6) ---

def is_text(text):
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return 0 not in text


def is_beginning_of_text(text):
    try:
        codecs.getincrementaldecoder("utf-8")().decode(bytes(text))
    except UnicodeDecodeError:
        return False
    return 0 not in text


def check_name(name):
    if not is_text(name) or not name or any(byte in b"/\\#?%:\r\n" for byte in name):
        raise Refused(E.EINVAL)
    if len(name.decode()) > NAME_CHARACTERS:
        raise Refused(E.ENAMETOOLONG)


def is_type(line):
    return (re.fullmatch(rb"[-_0-9A-Za-z.\x80-\xff ]+", line) is not None and line[:1] not in (b".", b" ")
            and line[-1:] != b" " and len(line.decode()) <= TYPE_CHARACTERS)


def new_types(text, now):
    lines = []
    for line in text.split(b"\n"):
        if line.strip(BLANKS) and line not in lines:
            lines.append(line)
    for line in lines:
        if line not in now.types and (not is_type(line) or now.allow_all):
            raise Refused(E.EINVAL)
    if any(line not in lines for line in now.types):
        raise Refused(E.EPERM)
    return [line for line in lines if line not in now.types]


def parse(attribute, text, now):
    """The value that a text asks for, None when the registry has it already, or Refused."""
    text = bytes(text)
    if attribute == "description":
        text = text[:-1] if text.endswith(b"\n") else text
        if len(text) > DESCRIPTION_CEILING:
            raise Refused(E.EFBIG)
    elif attribute in ONE_LINE:
        text = text.strip(BLANKS)
    if attribute == "name":
        check_name(text)
        return None if text == now.name.encode() else text
    if attribute in WORDS:
        if text not in WORDS[attribute]:
            raise Refused(E.EINVAL)
        value = WORDS[attribute].index(text)
        return None if now.render(attribute) == WORDS[attribute][value] + b"\n" else value
    if not is_text(text):
        raise Refused(E.EINVAL)
    if attribute == "artifact_types":
        return new_types(text, now) or None
    return None if text == now.description else text


def begins(attribute, text):
    """Whether a fresh one-line text can still become legal."""
    rest = bytes(text).lstrip(BLANKS)
    if attribute in WORDS:
        return rest.strip(BLANKS) in WORDS[attribute] or any(word.startswith(rest) for word in WORDS[attribute])
    rest = rest.rstrip(BLANKS)
    if not is_beginning_of_text(rest):
        return False
    rest = codecs.getincrementaldecoder("utf-8")().decode(rest).encode()
    try:
        check_name(rest or b"x")
    except Refused:
        return False
    return True
