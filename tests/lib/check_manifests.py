# SPDX-License-Identifier: MIT
"""Checks Compose and Kubernetes files: keys against what the formats know, and what must agree inside.

Debian has no schema of either, so the part that is used here is written down: an unknown key, a volume
that is not defined or a privilege without need is an error.
"""
import sys

import yaml

CONTAINER = {"name", "image", "restartPolicy", "command", "args", "env", "securityContext", "startupProbe",
             "livenessProbe", "readinessProbe", "resources", "volumeMounts"}
POD = {"terminationGracePeriodSeconds", "automountServiceAccountToken", "initContainers", "containers",
       "volumes", "shareProcessNamespace"}
PROBE = {"exec", "periodSeconds", "failureThreshold", "timeoutSeconds", "initialDelaySeconds"}
SECURITY = {"privileged", "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem",
            "allowPrivilegeEscalation", "capabilities", "seccompProfile"}
MOUNT = {"name", "mountPath", "mountPropagation", "readOnly", "subPath"}
VOLUME = {"name", "emptyDir", "secret", "hostPath", "configMap"}
SERVICE = {"image", "build", "command", "entrypoint", "devices", "cap_add", "security_opt", "user", "secrets",
           "volumes", "healthcheck", "stop_grace_period", "restart", "depends_on"}
KINDS = {"Pod": "v1", "Namespace": "v1", "DaemonSet": "apps/v1", "ConfigMap": "v1"}

problems = []


def check(condition, where, what):
    if not condition:
        problems.append(f"{where}: {what}")


def only(mapping, known, where):
    for key in mapping:
        check(key in known, where, f"unknown key {key}")


def container(spec, volumes, where):
    where += "/" + spec["name"]
    only(spec, CONTAINER, where)
    security = spec.get("securityContext", {})
    only(security, SECURITY, where)
    two_way = False
    for mount in spec.get("volumeMounts", []):
        only(mount, MOUNT, where)
        check(mount["name"] in volumes, where, f"no volume {mount['name']}")
        propagation = mount.get("mountPropagation", "None")
        check(propagation in ("None", "HostToContainer", "Bidirectional"), where, propagation)
        two_way |= propagation == "Bidirectional"
    check(not two_way or security.get("privileged"), where, "Bidirectional needs privileged")
    if not security.get("privileged"):
        check(security.get("allowPrivilegeEscalation") is False, where, "may gain privilege")
        check(security.get("capabilities", {}).get("drop") == ["ALL"], where, "keeps capabilities")
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if name in spec:
            only(spec[name], PROBE, where)
            check("--status" in " ".join(spec[name]["exec"]["command"]), where, f"{name} is no --status")
            check(spec[name].get("timeoutSeconds", 1) > 15, where, f"{name} is shorter than --status")


def pod(spec, where):
    only(spec, POD, where)
    for volume in spec.get("volumes", []):
        only(volume, VOLUME, where)
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
    if kind == "Pod":
        only(document, {"apiVersion", "kind", "metadata", "spec"}, where)
        pod(document["spec"], where)
    elif kind == "DaemonSet":
        only(document["spec"], {"selector", "template"}, where)
        template = document["spec"]["template"]
        labels = document["spec"]["selector"]["matchLabels"]
        check(labels.items() <= template["metadata"]["labels"].items(), where, "selector matches nothing")
        pod(template["spec"], where)


def compose(document, where):
    only(document, {"services", "secrets"}, where)
    for name, service in document["services"].items():
        only(service, SERVICE, f"{where}:{name}")
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
