"""Whether what names something names something that is there: secrets, config maps, volumes, ports, labels, services."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from .manifests import Workload, environment, matches, of_kind, selectors, title, workloads

_URL = re.compile(r"^http://([a-z0-9.-]+):(\d+)$")


def problems(documents: list[dict]) -> Iterator[str]:
    found = workloads(documents)
    yield from _namespaces(documents)
    for workload in found:
        yield from _volumes(workload, documents)
        yield from _ports(workload, documents)
        yield from _addresses(workload, documents)
    yield from _services(documents, found)
    yield from _autoscalers(documents, found)
    yield from _budgets(documents, found)
    yield from _policies(documents, found)


def _namespaces(documents: list[dict]) -> Iterator[str]:
    namespaces = set(of_kind(documents, "Namespace"))
    seen = set()
    for document in documents:
        if document["kind"] != "Namespace" and document["metadata"].get("namespace") not in namespaces:
            yield "%s: its namespace is none of %s" % (title(document), sorted(namespaces))
        if title(document) in seen:
            yield "%s: there are two" % title(document)
        seen.add(title(document))


def _volumes(workload: Workload, documents: list[dict]) -> Iterator[str]:
    secrets, maps = of_kind(documents, "Secret"), of_kind(documents, "ConfigMap")
    files: dict[str, set[str]] = {}
    for volume in workload.pod.get("volumes", []):
        name = volume.get("secret", {}).get("secretName")
        if name not in secrets:
            yield "%s: the volume %s is of the secret %s, which there is not" % (workload.title, volume["name"], name)
        files[volume["name"]] = set(secrets.get(name, {}).get("data", {}))
    for source in workload.container.get("envFrom", []):
        if (name := source.get("configMapRef", {}).get("name")) not in maps:
            yield "%s: its environment is of the config map %s, which there is not" % (workload.title, name)
    mounts = {}
    for mount in workload.container.get("volumeMounts", []):
        if mount["name"] not in files:
            yield "%s: mounts the volume %s, which there is not" % (workload.title, mount["name"])
        mounts[PurePosixPath(mount["mountPath"])] = files.get(mount["name"], set())
    for name, value in environment(workload, documents).items():
        if name.endswith("_FILE"):
            path = PurePosixPath(value)
            if path.name not in mounts.get(path.parent, set()):
                yield "%s: %s is %s, and no volume brings that file" % (workload.title, name, value)


def _ports(workload: Workload, documents: list[dict]) -> Iterator[str]:
    ports, variables = workload.ports, environment(workload, documents)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        port = workload.container.get(probe, {}).get("httpGet", {}).get("port")
        if port is not None and port not in ports:
            yield "%s: its %s asks the port %s, which there is not" % (workload.title, probe, port)
    listened = {name: value for name, value in variables.items() if name.endswith("LISTEN")}
    for name, value in listened.items():
        address, _, port = value.rpartition(":")
        if address != "0.0.0.0":
            yield "%s: %s is %s, where nobody else comes" % (workload.title, name, value)
        if int(port) not in ports.values():
            yield "%s: %s is %s, and its ports are %s" % (workload.title, name, value, ports)
    for name, port in ports.items():
        if not any(value.endswith(":%d" % port) for value in listened.values()):
            yield "%s: nothing listens on its port %s, %d" % (workload.title, name, port)
    told = workload.annotations.get("prometheus.io/port")
    if "admin" in ports and told != str(ports["admin"]):
        yield "%s: Prometheus is told of the port %s, and metrics are on %d" % (workload.title, told, ports["admin"])


def _addresses(workload: Workload, documents: list[dict]) -> Iterator[str]:
    services = of_kind(documents, "Service")
    for name, value in environment(workload, documents).items():
        if not (url := _URL.match(value)) or name.endswith("ADVERTISE"):
            continue
        ports = [port["port"] for port in services.get(url[1], {}).get("spec", {}).get("ports", [])]
        if int(url[2]) not in ports:
            yield "%s: %s is %s, and no service has that address" % (workload.title, name, value)
    advertised = environment(workload, documents).get("PYMMORPG_ZONE_SERVER__ADVERTISE")
    if workload.name == "zone-server" and advertised != "http://<field>:%d" % workload.ports.get("grpc", 0):
        yield "%s: advertises %s, which is not its pod's address and its port" % (workload.title, advertised)


def _services(documents: list[dict], found: list[Workload]) -> Iterator[str]:
    for service in of_kind(documents, "Service").values():
        chosen = [workload for workload in found if matches({"matchLabels": service["spec"]["selector"]}, workload.labels)]
        if len(chosen) != 1:
            yield "%s: its selector is of %d workloads" % (title(service), len(chosen))
        for workload in chosen:
            for port in service["spec"]["ports"]:
                if port["targetPort"] not in workload.ports:
                    yield "%s: leads to the port %s, which %s has not" % (title(service), port["targetPort"], workload.title)


def _autoscalers(documents: list[dict], found: list[Workload]) -> Iterator[str]:
    scaled = {(workload.kind, workload.name): workload for workload in found}
    for scaler in of_kind(documents, "HorizontalPodAutoscaler").values():
        target = scaler["spec"]["scaleTargetRef"]
        workload = scaled.get((target["kind"], target["name"]))
        if workload is None:
            yield "%s: scales %s %s, which there is not" % (title(scaler), target["kind"], target["name"])
            continue
        if scaler["spec"]["minReplicas"] < 2:
            yield "%s: one alone is nobody when it goes" % title(scaler)
        for metric in scaler["spec"]["metrics"]:
            resource = metric.get("resource", {}).get("name")
            if resource and resource not in workload.container.get("resources", {}).get("requests", {}):
                yield "%s: goes by the request of %s, which %s has not" % (title(scaler), resource, workload.title)


def _budgets(documents: list[dict], found: list[Workload]) -> Iterator[str]:
    budgets = of_kind(documents, "PodDisruptionBudget").values()
    for workload in found:
        if workload.kind == "Job":
            continue
        own = [budget for budget in budgets if matches(budget["spec"]["selector"], workload.labels)]
        if len(own) != 1:
            yield "%s: has %d disruption budgets" % (workload.title, len(own))
        if not matches(workload.document["spec"]["selector"], workload.labels):
            yield "%s: does not select its own pods" % workload.title
        for constraint in workload.pod.get("topologySpreadConstraints", []):
            if not matches(constraint["labelSelector"], workload.labels):
                yield "%s: spreads others than its own pods" % workload.title


def _policies(documents: list[dict], found: list[Workload]) -> Iterator[str]:
    for policy in of_kind(documents, "NetworkPolicy").values():
        for selector in selectors(policy["spec"]):
            if selector and not any(matches(selector, workload.labels) for workload in found):
                yield "%s: selects no pod by %s" % (title(policy), selector)
        chosen = [workload for workload in found if matches(policy["spec"]["podSelector"], workload.labels)]
        for rule in policy["spec"].get("ingress", []):
            for port in rule.get("ports", []):
                if not any(port["port"] in workload.ports for workload in chosen):
                    yield "%s: lets the port %s be reached, which nobody has" % (title(policy), port["port"])
    listening = {port for workload in found for port in workload.ports.values()}
    needed = {int(url[2]) for workload in found for value in environment(workload, documents).values() if (url := _URL.match(value.replace("<field>", "pod")))}
    let_out = {
        port["port"] for policy in of_kind(documents, "NetworkPolicy").values() for rule in policy["spec"].get("egress", []) for port in rule.get("ports", [])
    }
    for port in sorted(needed - let_out | needed - listening):
        yield "the port %d is spoken to, and nobody is let out to it, or nobody listens there" % port
