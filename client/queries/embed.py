#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the documents given as a C table: embed.py OUTPUT.c FILE.graphql...

A file may begin with lines `# include NAME`: the fragment file NAME.graphql of
the same folder is put in front. Files whose name starts with a lower-case
letter are fragments, the others operations named like their file.
"""
import json
import pathlib
import re
import sys

INCLUDE = re.compile(r"^# include (\w+)\n", re.M)


def document(path):
    text = path.read_text(encoding="utf-8")
    fragments = [document(path.with_name(name + ".graphql")) for name in INCLUDE.findall(text)]
    return "\n".join(fragments + [INCLUDE.sub("", text).strip()])


def main(output, *inputs):
    rows = []
    for path in map(pathlib.Path, inputs):
        if not path.stem[0].isupper():
            continue
        text = document(path)
        kind = re.search(r"^(query|mutation) (\w+)", text, re.M)
        if not kind or kind[2] != path.stem:
            sys.exit(f"{path}: the file must hold one operation named {path.stem}")
        rows.append("    {%s,\n     %s,\n     %s},\n" % (
            json.dumps(path.stem), json.dumps(text), "true" if kind[1] == "mutation" else "false"))
    pathlib.Path(output).write_text(
        '#include "graphql.h"\n\n'
        "extern const struct graphql_document graphql_documents[];\n"
        "const struct graphql_document graphql_documents[] = {\n"
        + "".join(rows) + "    {NULL, NULL, false},\n};\n", encoding="utf-8")


main(*sys.argv[1:])
