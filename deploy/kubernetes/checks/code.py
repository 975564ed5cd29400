"""What manifests say of our programs, held against their sources."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from .manifests import environment, workloads

_FIELD = re.compile(r"^    pub ([a-z_]+): ", re.M)
_DEFAULT = re.compile(r"^            ([a-z_]+): ([0-9_]+),$", re.M)
_METRIC = re.compile(r'(?:counter|gauge|histogram)!\(\s*"([a-z_]+)"')
#: A word in a text or a manifest that is a metric of ours.
_NAMED = re.compile(r"\b((?:pymmorpg_(?:zone|auth|commit|gateway)|gateway)_[a-z_]*[a-z])\b")
#: What Prometheus adds to the name of a histogram.
_SUFFIXES = ("", "_count", "_sum", "_bucket")


class Code:
    """The sources, in a folder."""

    def __init__(self, root: Path):
        self._root = root

    def settings(self, section: str) -> set[str]:
        """Those of a service's section."""
        return set(_FIELD.findall(self._config(section)))

    def default_ms(self, section: str, name: str) -> int:
        """What a setting is if nothing is said; 0: there is none, or it is off."""
        defaults = dict(_DEFAULT.findall(self._config(section)))
        return int(defaults.get(name, "0").replace("_", ""))

    def _config(self, section: str) -> str:
        path = self._root / section.replace("_", "-") / "src" / "config.rs"
        return path.read_text() if path.exists() else ""

    @cached_property
    def keys(self) -> set[str]:
        """Of settings at the top level."""
        text = (self._root / "runtime/src/process.rs").read_text()
        _, _, keys = text.partition("pub const KEYS: ")
        return set(re.findall(r'"([a-z_]+)"', keys.partition("];")[0]))

    @cached_property
    def programs(self) -> set[str]:
        return {path.parents[1].name for path in self._root.glob("*/src/main.rs")}

    @cached_property
    def metrics(self) -> set[str]:
        found = set()
        for room in ("auth", "gateway", "runtime", "store", "zone-server"):
            for path in (self._root / room / "src").rglob("*.rs"):
                found |= set(_METRIC.findall(path.read_text()))
        return found


def problems(documents: list[dict], texts: dict[str, str], code: Code) -> Iterator[str]:
    """`texts` are files in which metrics are named, by their paths."""
    for workload in workloads(documents):
        program = workload.container["command"][0]
        if program not in code.programs:
            yield "%s: starts %s, which is none of %s" % (workload.title, program, sorted(code.programs))
        for name in environment(workload, documents):
            if name.startswith("PYMMORPG_") and not _is_setting(name, program, code):
                yield "%s: sets %s, and there is no such setting of %s" % (workload.title, name, program)
    for path, text in texts.items():
        for name in sorted(set(_NAMED.findall(text))):
            if not any(name == metric + suffix for metric in code.metrics for suffix in _SUFFIXES):
                yield "%s: names the metric %s, and there is none" % (path, name)


def _is_setting(name: str, program: str, code: Code) -> bool:
    section, _, key = name.removeprefix("PYMMORPG_").lower().rpartition("__")
    if section:
        return section == program.replace("-", "_") and key in code.settings(section)
    return key.removesuffix("_file") in code.keys
