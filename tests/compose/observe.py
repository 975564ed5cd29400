"""What is observed: that Prometheus finds every copy of every process, that each panel of the dashboard has something to show, and the form of the rest."""

import json
import re
import urllib.parse
import urllib.request

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
    return "%s are found, %d expressions of the dashboard have values" % (", ".join("%d %s" % (count, job) for job, count in wanted.items()), len(expressions))


def look_at_forms() -> str:
    """The files for programs that cannot be had here: Grafana's, Jaeger's and the collector's. Whether they do what they are meant to is not tested."""
    dashboards = sorted((_FOLDER / "grafana/dashboards").glob("*.json"))
    assert dashboards
    for path in dashboards:
        dashboard = json.loads(path.read_text())
        assert dashboard["uid"] and dashboard["title"], path
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids)), "%s: two panels have one id" % path
        for panel in dashboard["panels"]:
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, "%s: %r is too wide" % (path, panel["title"])
            assert panel["type"] == "row" or panel["datasource"]["uid"] in _source_uids(), "%s: %r asks nobody" % (path, panel["title"])
    return "%d dashboard" % len(dashboards)


def _source_uids() -> list[str]:
    text = (_FOLDER / "grafana/provisioning/datasources/pymmorpg.yml").read_text()
    return re.findall(r"^\s+uid: (\S+)$", text, re.M)


def _expressions() -> list[str]:
    found = []
    for path in (_FOLDER / "grafana/dashboards").glob("*.json"):
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

