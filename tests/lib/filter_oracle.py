#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a query should show, found by evaluating its filters over the sandbox's state.

filter_oracle.py ORGANIZATION BARE REGISTRIES COLLECTIONS VERSIONS < STATE

Each filter is JSON or empty; the last that is not empty says what is chosen from. BARE is "bare"
for names without the registry, else "full". Prints the names, sorted bytewise. Shares no code with
the sandbox or the program.
"""
import base64
import datetime
import json
import re
import sys

PREFIX = "wandb-registry-"
MISSING = object()


def number_of(identifier):
    return int(base64.b64decode(identifier).decode().rsplit(":", 1)[1])


def parse_date(text):
    if not isinstance(text, str):
        return text
    text = text.replace(" ", "T").removesuffix("Z")
    return datetime.datetime.fromisoformat(text)


def full_name(operand):
    if isinstance(operand, list):
        return [full_name(one) for one in operand]
    if isinstance(operand, str) and not operand.startswith(PREFIX):
        return PREFIX + operand
    return operand


def registry_field(registry, field):
    return {
        "id": lambda: number_of(registry["internalId"]),
        "name": lambda: registry["name"],
        "description": lambda: registry["description"],
        "created_at": lambda: parse_date(registry["createdAt"]),
        "updated_at": lambda: parse_date(registry["updatedAt"]),
    }[field]()


def collection_field(collection, field):
    return {
        "id": lambda: number_of(collection["id"]),
        "name": lambda: collection["name"],
        "tag": lambda: collection["tags"],
        "description": lambda: collection["description"],
        "created_at": lambda: parse_date(collection["createdAt"]),
        "updated_at": lambda: parse_date(collection["updatedAt"]),
    }[field]()


def version_field(version, field):
    head, *path = field.split(".")
    if head == "metadata":
        value = json.loads(version["metadata"])
        for step in path:
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        return None if value is MISSING else value
    return {
        "id": lambda: number_of(version["id"]),
        "version": lambda: int(version["version"][1:]),
        "tag": lambda: version["tags"],
        "alias": lambda: version["aliases"],
        "size": lambda: version["size"],
        "created_at": lambda: parse_date(version["createdAt"]),
        "updated_at": lambda: parse_date(version["updatedAt"]),
    }[head]()


def equal(value, operand):
    if isinstance(value, list) and not isinstance(operand, list):
        return any(equal(one, operand) for one in value)
    return type(value) is type(operand) and value == operand or (
        isinstance(value, (int, float)) and isinstance(operand, (int, float))
        and not isinstance(value, bool) and value == operand)


def some(value, test):
    return any(one is not None and test(one) for one in (value if isinstance(value, list) else [value]))


OPERATORS = {
    "$eq": equal,
    "$ne": lambda v, o: not equal(v, o),
    "$gt": lambda v, o: some(v, lambda one: one > o),
    "$gte": lambda v, o: some(v, lambda one: one >= o),
    "$lt": lambda v, o: some(v, lambda one: one < o),
    "$lte": lambda v, o: some(v, lambda one: one <= o),
    "$in": lambda v, o: any(equal(v, one) for one in o),
    "$nin": lambda v, o: not any(equal(v, one) for one in o),
    "$exists": lambda v, o: (v is not None) == o,
    "$regex": lambda v, o: some(v, lambda one: re.search(o, one) is not None),
    "$contains": lambda v, o: some(v, lambda one: o in one),
    "$size": lambda v, o: isinstance(v, list) and len(v) == o,
    "$all": lambda v, o: isinstance(v, list) and all(one in v for one in o),
}


def holds_for(value, condition, convert):
    if not isinstance(condition, dict):
        return equal(value, convert(condition, "$eq"))
    for operator, operand in condition.items():
        if operator == "$not":
            good = not holds_for(value, operand, convert)
        else:
            good = OPERATORS[operator](value, convert(operand, operator))
        if not good:
            return False
    return True


def holds(item, wanted, field_of):
    for key, condition in wanted.items():
        if key == "$and":
            good = all(holds(item, one, field_of) for one in condition)
        elif key == "$or":
            good = any(holds(item, one, field_of) for one in condition)
        elif key == "$nor":
            good = not any(holds(item, one, field_of) for one in condition)
        elif key == "$not":
            good = not holds(item, condition, field_of)
        else:
            good = holds_for(field_of(item, key), condition, converter(key, field_of))
        if not good:
            return False
    return True


def converter(key, field_of):
    if key.endswith("_at"):
        return lambda operand, _: parse_date(operand)
    if key == "name" and field_of is registry_field:
        return lambda operand, operator: operand if operator == "$regex" else full_name(operand)
    return lambda operand, _: operand


def names(organization, bare, filters):
    level = max(i for i in range(3) if filters[i] is not None)
    wanted = [one or {} for one in filters]
    for registry in organization["registries"]:
        if not registry["name"].startswith(PREFIX) or not holds(registry, wanted[0], registry_field):
            continue
        short = registry["name"].removeprefix(PREFIX)
        if level == 0:
            yield short
            continue
        for collection in registry["collections"]:
            if not holds(collection, wanted[1], collection_field):
                continue
            name = collection["name"] if bare else f"{short}:{collection['name']}"
            if level == 1:
                yield name
                continue
            for version in collection["versions"]:
                if holds(version, wanted[2], version_field):
                    yield f"{name}:{version['version']}"


def main():
    wanted, form, *texts = sys.argv[1:]
    state = json.load(sys.stdin)
    organization = next(one for one in state["organizations"] if one["name"] == wanted)
    filters = [json.loads(text) if text else None for text in texts]
    for name in sorted(name.encode() for name in names(organization, form == "bare", filters)):
        print(name.decode().replace("/", "%2F"))


main()
