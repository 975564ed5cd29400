"""What is asked of every pod of ours: no rights, probes, a bound of its memory, and enough time to end."""

from collections.abc import Iterator

from .code import Code
from .manifests import Workload, environment, workloads

#: What a process takes to end besides what its settings say, in seconds: `DRAIN_MARGIN` in runtime/src/process/members.rs, and in store/src/open.rs
#: `CLOSE_TIMEOUT` and what closing connections to a database may take that is gone.
_REST_SECONDS = 3 + 5 + 5


def problems(documents: list[dict], code: Code) -> Iterator[str]:
    for workload in workloads(documents):
        for problem in [*_rights(workload), *_resources(workload), *_probes(workload)]:
            yield "%s: %s" % (workload.title, problem)
        if workload.kind != "Job":
            yield from _end(workload, documents, code)


def _rights(workload: Workload) -> Iterator[str]:
    pod, own = workload.pod, workload.container.get("securityContext", {})
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "may run as root, or as a user whom Kubernetes does not know not to be"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "may make any system call"
    if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities", {}).get("drop") != ["ALL"] or own.get("privileged"):
        yield "has rights that it needs not"
    if not own.get("readOnlyRootFilesystem"):
        yield "may write to its image"
    if pod.get("automountServiceAccountToken") is not False:
        yield "may talk to Kubernetes"
    if pod.get("enableServiceLinks") is not False:
        yield "gets variables that are called like our settings"
    if len(pod["containers"]) != 1 or any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "has something of the host's, or other containers"


def _resources(workload: Workload) -> Iterator[str]:
    resources = workload.container.get("resources", {})
    if set(resources.get("requests", {})) != {"cpu", "memory"} or "memory" not in resources.get("limits", {}):
        yield "does not say what it takes"
    if ":" not in workload.container["image"].rpartition("/")[2] or workload.container["image"].endswith(":latest"):
        yield "its image %s is another one tomorrow" % workload.container["image"]


def _probes(workload: Workload) -> Iterator[str]:
    if workload.kind == "Job":
        return
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        if workload.container.get(probe, {}).get("httpGet", {}).get("path") != path:
            yield "its %s does not ask %s" % (probe, path)


def _end(workload: Workload, documents: list[dict], code: Code) -> Iterator[str]:
    section, variables = workload.container["command"][0].replace("-", "_"), environment(workload, documents)

    def setting(name: str) -> int:
        value = variables.get("PYMMORPG_%s__%s" % (section.upper(), name.upper()))
        return int(value) // 1000 if value else code.default_ms(section, name) // 1000

    pause = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = pause + setting("linger_timeout_ms") + setting("drain_timeout_ms") + _REST_SECONDS
    granted = workload.pod.get("terminationGracePeriodSeconds", 30)
    if granted < needed:
        yield "%s: is killed after %d s, and may take %d to end" % (workload.title, granted, needed)
    if workload.container["command"][0] != "zone-server" and pause == 0:
        yield "%s: ends while others are still sent to it" % workload.title
