# SPDX-License-Identifier: MIT
"""Files that people put into a registry's directory (fs/edit/dropped_in.h), for the model of tests/model: their texts
outlive the registry and the mount, below the state directory."""

import os
import re

LEFTOVERS = re.compile(r".*~|4913", re.DOTALL)  # of the names that sequences use


def names_and_texts(registry):
    """(names, text) of each file that is kept."""
    kept = {}
    for name, file in registry.scratch.items():
        if file.link is None and file.text and not file.copy_of and not LEFTOVERS.fullmatch(name):
            kept.setdefault(id(file), ([], bytes(file.text)))[0].append(name)
    return list(kept.values())


def texts_below(folder):
    """{text: names}; what was there already has made them longer."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                found.setdefault(file.read(), set()).add(re.sub(r"[.~][0-9]+$", "", name))
    return found


def lost(registries, folder):
    """The files whose texts are not below the state directory after the end of the mount."""
    found = texts_below(folder)
    return [f"{registry.state.name}/{names[0]}" for registry in registries
            for names, text in names_and_texts(registry) if not found.get(text, set()) & set(names)]
