# SPDX-License-Identifier: MIT
"""Checks Compose and Kubernetes files: Kubernetes' against its own types, as its Python client has them
(Debian has no other schema of it), and in both what must agree inside: a volume that is not defined or
a privilege without need is an error. Compose's format is checked by docker-compose itself.
"""
import re
import sys

import kubernetes.client.models as models
import yaml

# Newer than the types in Debian 12: what makes an init container a sidecar (Kubernetes 1.28).
NEWER = {("V1Container", "restartPolicy"): "str"}
SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
KINDS = {"Pod": "v1", "Namespace": "v1", "DaemonSet": "apps/v1", "Service": "v1", "ConfigMap": "v1",
         "NetworkPolicy": "networking.k8s.io/v1"}

problems = []


def check(condition, where, what):
    if not condition:
        problems.append(f"{where}: {what}")


def typed(value, kind, where):
    """Whether a value is what Kubernetes calls `kind`, keys and all below included."""
    listed, mapped = re.fullmatch(r"list\[(.*)\]", kind), re.fullmatch(r"dict\(str, (.*)\)", kind)
    if listed:
        check(isinstance(value, list), where, "is no list")
        for at, one in enumerate(value if isinstance(value, list) else []):
            typed(one, listed[1], f"{where}[{at}]")
    elif mapped:
        for key, one in value.items():
            typed(one, mapped[1], f"{where}.{key}")
    elif kind in SCALARS:
        check(isinstance(value, SCALARS[kind]), where, f"is no {kind}")
    elif kind != "datetime":
        fields(value, kind, where)


def fields(value, kind, where):
    model = getattr(models, kind)
    check(isinstance(value, dict), where, f"is no {kind}")
    names = {key: attribute for attribute, key in model.attribute_map.items()}
    for key, one in (value if isinstance(value, dict) else {}).items():
        type_name = model.openapi_types.get(names.get(key), NEWER.get((kind, key)))
        check(type_name, where, f"{kind} has no {key}")
        if type_name:
            typed(one, type_name, f"{where}.{key}")
    try:  # the types refuse to be made without what is required
        model(**{names[key]: one for key, one in value.items() if key in names})
    except ValueError as error:
        check(False, where, str(error))


def container(spec, volumes, where):
    where += "/" + spec["name"]
    security = spec.get("securityContext", {})
    two_way = False
    for mount in spec.get("volumeMounts", []):
        check(mount["name"] in volumes, where, f"no volume {mount['name']}")
        propagation = mount.get("mountPropagation", "None")
        check(propagation in ("None", "HostToContainer", "Bidirectional"), where, propagation)
        two_way |= propagation == "Bidirectional"
    check(not two_way or security.get("privileged"), where, "Bidirectional needs privileged")
    if not security.get("privileged"):
        check(security.get("allowPrivilegeEscalation") is False, where, "may gain privilege")
        check(security.get("capabilities", {}).get("drop") == ["ALL"], where, "keeps capabilities")
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if name in spec and spec["image"].startswith("registryfs"):
            check("--status" in " ".join(spec[name]["exec"]["command"]), where, f"{name} is no --status")
            check(spec[name].get("timeoutSeconds", 1) > 15, where, f"{name} is shorter than --status")


def pod(spec, where):
    for volume in spec.get("volumes", []):
        check(len(volume) == 2, where, f"volume {volume['name']} has not one source")
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    check(spec.get("terminationGracePeriodSeconds", 0) > 5, where, "too little time to unmount")
    for one in spec.get("initContainers", []) + spec["containers"]:
        container(one, volumes, where)


def kubernetes(document, where):
    kind = document["kind"]
    where += ":" + kind
    check(KINDS.get(kind) == document["apiVersion"], where, "wrong apiVersion or unknown kind")
    check(document["metadata"].get("name"), where, "no name")
    fields(document, "V1" + kind, where)
    if kind == "Pod":
        pod(document["spec"], where)
    elif kind == "DaemonSet":
        template = document["spec"]["template"]
        labels = document["spec"]["selector"]["matchLabels"]
        check(labels.items() <= template["metadata"]["labels"].items(), where, "selector matches nothing")
        pod(template["spec"], where)


def compose(document, where):
    for name, service in document["services"].items():
        for secret in service.get("secrets", []):
            check(secret in document["secrets"], f"{where}:{name}", f"no secret {secret}")
        for other in service.get("depends_on", {}):
            check(other in document["services"], f"{where}:{name}", f"no service {other}")
        check("environment" not in service, f"{where}:{name}", "the key belongs into a file")


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            (compose if "services" in document else kubernetes)(document, path)
print("\n".join(problems) or "good")
sys.exit(bool(problems))
