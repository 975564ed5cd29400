"""What is observed: Prometheus finds every copy of every process, each panel of the dashboard has something to show, and the rest has the right form."""

import json
import re
import textwrap
import urllib.parse
import urllib.request
from pathlib import Path

from harness.raw import until

from .stack import DEPLOY, Stack

_FOLDER = DEPLOY / "observe"
#: From its start to the second look at everybody, in seconds.
_SCRAPED_SECONDS_MAX = 60.0
#: What only some worlds or some moments have.
_EMPTY_ALLOWED = re.compile(r"resends|takeovers|failures|bad_messages")


def start(stack: Stack) -> None:
    """A real Prometheus, as the profile has it, beside a cluster that runs. The others of the profile cannot be had here."""
    stack.compose("--profile", "observe", "up", "--detach", "--no-deps", "prometheus")


def look_at_prometheus(stack: Stack) -> str:
    """What it has seen."""
    stack.container("prometheus").execute("promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    wanted = {service: len(stack.containers(service)) for service in ("auth", "zone-server", "gateway")}

    def found() -> dict[str, int]:
        targets = _ask(stack, "targets")["activeTargets"]
        up = [target["labels"]["job"] for target in targets if target["health"] == "up"]
        return {job: up.count(job) for job in wanted}

    until(lambda: found() == wanted, "Prometheus finds %r" % wanted, _SCRAPED_SECONDS_MAX, pause=1.0)
    expressions = _expressions()
    until(lambda: not _empty(stack, expressions), "every panel has something to show", _SCRAPED_SECONDS_MAX, pause=2.0)
    counts = ", ".join("%d %s" % (count, job) for job, count in wanted.items())
    return "%s are found, %d expressions of the dashboard have values" % (counts, len(expressions))


def look_at_forms(stack: Stack) -> str:
    """The files for programs that cannot be had here, Grafana and the collector: what is named in them is there. Whether it works is not tested."""
    services = set(json.loads(stack.compose("--profile", "observe", "config", "--format", "json"))["services"])
    collector = _parse(stack, _FOLDER / "collector.yaml")
    for name, pipeline in collector["service"]["pipelines"].items():
        for kind in ("receivers", "processors", "exporters"):
            missing = set(pipeline[kind]) - set(collector[kind])
            assert not missing, "collector.yaml: the pipeline %s has %s that are not there: %s" % (name, kind, ", ".join(missing))
    hosts = [exporter["endpoint"].split(":")[0] for exporter in collector["exporters"].values()]
    sources = _parse(stack, _FOLDER / "grafana/provisioning/datasources/pymmorpg.yml")["datasources"]
    hosts += [urllib.parse.urlsplit(source["url"]).hostname for source in sources]
    assert set(hosts) <= services, "of %r, some are no services" % hosts
    _parse(stack, _FOLDER / "grafana/provisioning/dashboards/pymmorpg.yml")
    panels = [panel for path in _dashboards() for panel in json.loads(path.read_text())["panels"]]
    assert len({panel["id"] for panel in panels}) == len(panels), "two panels have one id"
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, "%r is too wide" % panel["title"]
        assert panel["datasource"]["uid"] in [source["uid"] for source in sources], "%r asks nobody" % panel["title"]
    return "%d panels, %d sources" % (len(panels), len(sources))


def _parse(stack: Stack, path: Path):
    """What a YAML file says. Compose reads YAML, and lets whatever begins with `x-` be anything."""
    text = "name: forms\nservices: { none: { image: none } }\nx-file:\n" + textwrap.indent(path.read_text(), "  ")
    return json.loads(stack.docker("compose", "--file", "-", "config", "--no-interpolate", "--format", "json", given=text))["x-file"]


def _dashboards() -> list[Path]:
    return sorted((_FOLDER / "grafana/dashboards").glob("*.json"))


def _expressions() -> list[str]:
    found = []
    for path in _dashboards():
        for panel in json.loads(path.read_text())["panels"]:
            found += [target["expr"].replace("$__rate_interval", "1m") for target in panel.get("targets", [])]
    return found


def _empty(stack: Stack, expressions: list[str]) -> list[str]:
    """Those that have no value, and should have."""
    wanted = [one for one in expressions if not _EMPTY_ALLOWED.search(one)]
    return [one for one in wanted if not _ask(stack, "query", query=one)["result"]]


def _ask(stack: Stack, what: str, **arguments: str) -> dict:
    """Prometheus's own interface. Its port is not published: the host reaches it within the network."""
    query = "/api/v1/%s?%s" % (what, urllib.parse.urlencode(arguments))
    (address,) = (network["IPAddress"] for network in stack.container("prometheus").inspect()["NetworkSettings"]["Networks"].values())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open("http://%s:9090%s" % (address, query), timeout=10) as answer:
        return json.load(answer)["data"]

