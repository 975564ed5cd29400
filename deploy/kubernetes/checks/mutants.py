"""Manifests that are broken on purpose, each in one place: a check that notices none of it checks nothing."""

import copy
from collections.abc import Iterator

#: A name for what is wrong, the manifest, the way to the value, and what it becomes; None: it is taken away.
_POD = ("spec", "template", "spec")
_CONTAINER = (*_POD, "containers", 0)
_MUTANTS: list[tuple[str, str, tuple, object]] = [
    ("a field that there is not", "Deployment gateway", ("spec", "replica"), 2),
    ("a number that is a text", "Deployment gateway", (*_POD, "terminationGracePeriodSeconds"), "330"),
    ("a list that is missing", "Deployment auth", (*_POD, "containers"), None),
    ("a secret of another name", "Deployment auth", (*_POD, "volumes", 0, "secret", "secretName"), "urls"),
    ("a volume of another name", "Job publish-world", (*_CONTAINER, "volumeMounts", 0, "name"), "secrets"),
    ("a volume elsewhere", "Deployment gateway", (*_CONTAINER, "volumeMounts", 0, "mountPath"), "/run/urls"),
    ("a secret without a URL", "Secret pymmorpg-urls", ("data", "redis"), None),
    ("a config map of another name", "Deployment gateway", (*_CONTAINER, "envFrom", 0, "configMapRef", "name"), "settings"),
    ("a probe of no port", "Deployment zone-server", (*_CONTAINER, "readinessProbe", "httpGet", "port"), "http"),
    ("a probe of another page", "Deployment zone-server", (*_CONTAINER, "livenessProbe", "httpGet", "path"), "/"),
    ("a port that nobody listens on", "Deployment gateway", (*_CONTAINER, "ports", 0, "containerPort"), 7778),
    ("metrics on another port", "Deployment gateway", ("spec", "template", "metadata", "annotations", "prometheus.io/port"), "7781"),
    ("a service for nobody", "Service gateway", ("spec", "selector", "app.kubernetes.io/name"), "gate"),
    ("a service of no port", "Service auth", ("spec", "ports", 0, "targetPort"), "http"),
    ("a service on another port", "Service auth", ("spec", "ports", 0, "port"), 7791),
    ("pods that are not selected", "Deployment auth", ("spec", "selector", "matchLabels", "app.kubernetes.io/name"), "author"),
    ("an autoscaler of nobody", "HorizontalPodAutoscaler gateway", ("spec", "scaleTargetRef", "name"), "gateways"),
    ("an autoscaler without a request", "Deployment zone-server", (*_CONTAINER, "resources", "requests", "cpu"), None),
    ("one alone", "HorizontalPodAutoscaler auth", ("spec", "minReplicas"), 1),
    ("a metric that there is not", "HorizontalPodAutoscaler gateway", ("spec", "metrics", 0, "pods", "metric", "name"), "gateway_users"),
    ("a budget of nobody", "PodDisruptionBudget auth", ("spec", "selector", "matchLabels", "app.kubernetes.io/name"), "author"),
    ("a policy for nobody", "NetworkPolicy auth", ("spec", "ingress", 0, "from", 0, "podSelector", "matchLabels", "app.kubernetes.io/name"), "gate"),
    ("a policy of no port", "NetworkPolicy gateway", ("spec", "ingress", 0, "ports", 0, "port"), "games"),
    ("nobody is let out", "NetworkPolicy outwards", ("spec", "egress", 2, "ports", 0, "port"), 7791),
    ("another namespace", "Job publish-world", ("metadata", "namespace"), "default"),
    ("root", "Deployment gateway", (*_POD, "securityContext", "runAsNonRoot"), False),
    ("an image that can be written", "Deployment gateway", (*_CONTAINER, "securityContext", "readOnlyRootFilesystem"), False),
    ("an image without a version", "Deployment gateway", (*_CONTAINER, "image"), "registry.example:5000/pymmorpg"),
    ("memory without a bound", "Deployment auth", (*_CONTAINER, "resources", "limits"), None),
    ("variables of services", "Deployment auth", (*_POD, "enableServiceLinks"), None),
    ("no time to linger", "Deployment gateway", (*_POD, "terminationGracePeriodSeconds"), 300),
    ("no time to drain", "Deployment zone-server", (*_POD, "terminationGracePeriodSeconds"), 60),
    ("no pause before the end", "Deployment gateway", (*_CONTAINER, "lifecycle"), None),
    ("another program", "Deployment auth", (*_CONTAINER, "command", 0), "authority"),
    ("a setting that there is not", "Deployment auth", (*_CONTAINER, "env", 0, "name"), "PYMMORPG_AUTH__LISTENS"),
    ("a setting of another program", "Deployment auth", (*_CONTAINER, "env", 0, "name"), "PYMMORPG_GATEWAY__LISTEN"),
    ("an address of another", "Deployment zone-server", (*_CONTAINER, "env", 1, "value"), "http://zone-server:7800"),
]


def mutants(documents: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """What is wrong, and the manifests in which it is."""
    for what, target, way, value in _MUTANTS:
        changed = copy.deepcopy(documents)
        found = [document for document in changed if "%s %s" % (document["kind"], document["metadata"]["name"]) == target]
        assert len(found) == 1, target
        inner = found[0]
        for step in way[:-1]:
            inner = inner[step]
        if value is None:
            del inner[way[-1]]
        else:
            assert not isinstance(inner, dict) or inner.get(way[-1]) != value, what
            inner[way[-1]] = value
        yield what, changed
