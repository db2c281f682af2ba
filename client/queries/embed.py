#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the documents given as a C table: embed.py OUTPUT.c FILE.graphql...
With --json instead of an output file: prints them as JSON.

A file may begin with lines `# include NAME`: the fragment file NAME.graphql of
the same folder is put in front. Files whose name starts with a lower-case
letter are fragments, the others operations named like their file.

A line that ends in `# optional WORD...` can be left out together with the block
it opens: when the server does not know the field Type.field or the argument
Type.field.argument, or says that the feature FEATURE is off.
"""
import json
import pathlib
import re
import sys

INCLUDE = re.compile(r"^# include (\w+)\n", re.M)
OPTIONAL = re.compile(r"^(.*?)\s*# optional (.+)$")


def document(path):
    text = path.read_text(encoding="utf-8")
    fragments = [document(path.with_name(name + ".graphql")) for name in INCLUDE.findall(text)]
    return "\n".join(fragments + [INCLUDE.sub("", text).strip()])


def parse(path, text):
    """The text without remarks and the parts of it that can be left out."""
    lines, optional, open_blocks, depth, size = [], [], [], 0, 0
    for line in text.split("\n"):
        marked = OPTIONAL.match(line)
        line = (marked[1] if marked else line) + "\n"
        if "#" in line:
            sys.exit(f"{path}: a remark is neither include nor optional: {line}")
        if marked:
            part = {"words": marked[2].split(), "start": size, "end": size + len(line)}
            optional.append(part)
            if line.count("{") > line.count("}"):
                open_blocks.append((depth, part))
        depth += line.count("{") - line.count("}")
        size += len(line)
        lines.append(line)
        while open_blocks and depth == open_blocks[-1][0]:
            open_blocks.pop()[1]["end"] = size
    return "".join(lines), optional


def documents(paths):
    paths = [pathlib.Path(path) for path in paths]
    unlisted = {path.name for path in paths[0].parent.glob("*.graphql")} - {path.name for path in paths}
    if unlisted:
        sys.exit(f"not in the list of client/meson.build: {', '.join(sorted(unlisted))}")
    for path in paths:
        if not path.stem[0].isupper():
            continue
        text, optional = parse(path, document(path))
        kind = re.search(r"^(query|mutation) (\w+)", text, re.M)
        if not kind or kind[2] != path.stem:
            sys.exit(f"{path}: the file must hold one operation named {path.stem}")
        yield {"name": path.stem, "text": text, "mutation": kind[1] == "mutation",
               "optional": optional}


def c_table(found):
    words = sorted({word for each in found for part in each["optional"] for word in part["words"]})
    if len(words) > 64:
        sys.exit("more than 64 optional words do not fit a set of type uint64_t")
    yield '#include "documents.h"\n\n#include <stddef.h>\n\n'
    yield "const char *const graphql_optional_words[] = {\n"
    yield from (f"    {json.dumps(word)},\n" for word in words)
    yield "    NULL,\n};\n\n"
    for each in found:
        yield f"static const struct graphql_optional optional_{each['name']}[] = {{\n"
        for part in each["optional"]:
            bits = sum(1 << words.index(word) for word in part["words"])
            yield f"    {{UINT64_C({bits:#x}), {part['start']}, {part['end']}}},\n"
        yield "    {0, 0, 0},\n};\n\n"
    yield "const struct graphql_document graphql_documents[] = {\n"
    for each in found:
        yield "    {%s,\n     %s,\n     %s, optional_%s},\n" % (
            json.dumps(each["name"]), json.dumps(each["text"]),
            "true" if each["mutation"] else "false", each["name"])
    yield "    {NULL, NULL, false, NULL},\n};\n"


def main(output, *inputs):
    found = list(documents(inputs))
    if output == "--json":
        json.dump(found, sys.stdout)
    else:
        pathlib.Path(output).write_text("".join(c_table(found)), encoding="utf-8")


main(*sys.argv[1:])
