"""Ways to look into manifests."""

from collections.abc import Iterator
from dataclasses import dataclass

#: Kinds that have a template of pods.
_WORKLOADS = ("Deployment", "StatefulSet", "Job")


@dataclass(frozen=True)
class Workload:
    """Something that makes pods."""

    document: dict

    @property
    def title(self) -> str:
        return title(self.document)

    @property
    def kind(self) -> str:
        return self.document["kind"]

    @property
    def name(self) -> str:
        return self.document["metadata"]["name"]

    @property
    def labels(self) -> dict[str, str]:
        """Of its pods."""
        return self.document["spec"]["template"]["metadata"].get("labels", {})

    @property
    def annotations(self) -> dict[str, str]:
        return self.document["spec"]["template"]["metadata"].get("annotations", {})

    @property
    def pod(self) -> dict:
        return self.document["spec"]["template"]["spec"]

    @property
    def container(self) -> dict:
        """Each of ours has one."""
        return self.pod["containers"][0]

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}


def title(document: dict) -> str:
    return "%s %s" % (document.get("kind"), document.get("metadata", {}).get("name"))


def of_kind(documents: list[dict], kind: str) -> dict[str, dict]:
    """By their names."""
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def workloads(documents: list[dict]) -> list[Workload]:
    return [Workload(document) for document in documents if document["kind"] in _WORKLOADS]


def environment(workload: Workload, documents: list[dict]) -> dict[str, str]:
    """Of its container, what comes out of config maps included; a field of the pod is '<field>'."""
    found: dict[str, str] = {}
    for source in workload.container.get("envFrom", []):
        found |= of_kind(documents, "ConfigMap").get(source.get("configMapRef", {}).get("name"), {}).get("data", {})
    for variable in workload.container.get("env", []):
        value = variable.get("value", "<field>")
        for name, earlier in found.items():
            value = value.replace("$(%s)" % name, earlier)
        found[variable["name"]] = value
    return found


def matches(selector: dict, labels: dict[str, str]) -> bool:
    """Whether a label selector lets labels pass."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def selectors(value) -> Iterator[dict]:
    """Every pod selector somewhere in a manifest."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "podSelector":
                yield inner
            else:
                yield from selectors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from selectors(inner)
