"""What a run found: a line for each round, and a table of kinds in the end."""

import math
from dataclasses import dataclass, field

from .verdict import Verdict

#: Findings that have a column of their own; the others are counted together.
_COLUMNS = ("lost", "doubled", "zombie")


@dataclass
class Round:
    """One fault and what came of it."""

    number: int
    kind: str
    victim: str
    acknowledged_count: int
    seconds: float
    #: How long nothing was acknowledged to each bot that it was a matter for, in seconds.
    pauses: list[float]
    verdict: Verdict
    #: The longest that one request of any bot took after the fault, in seconds.
    longest_wait: float = 0.0

    def line(self) -> str:
        pause = "pause p50 %s max %s of %d bots" % (_ms(percentile(self.pauses, 50)), _ms(max(self.pauses, default=None)), len(self.pauses))
        pause += ", longest request %s" % _ms(self.longest_wait)
        fallback = ", back %.2f s" % self.verdict.fallback_seconds if self.verdict.fallback_seconds else ""
        found = "ok" if self.verdict.is_clean() else ", ".join("%s %d" % pair for pair in self.verdict.counts.items())
        return "round %d  %s (%s): %d acknowledged, %s%s, %.1f s: %s" % (
            self.number,
            self.kind,
            self.victim,
            self.acknowledged_count,
            pause,
            fallback,
            self.seconds,
            found,
        )


@dataclass
class Report:
    """All rounds of a run."""

    rounds: list[Round] = field(default_factory=list)

    def is_clean(self) -> bool:
        return all(one.verdict.is_clean() for one in self.rounds)

    def pause_p99(self) -> float | None:
        """Of all rounds."""
        return _figures(self.rounds)["pause_p99"]

    def text(self) -> str:
        """The table, and a last line in which rounds are counted as tests are."""
        failed = sum(not one.verdict.is_clean() for one in self.rounds)
        return "%s\n\n%d passed, %d failed" % (self.table(), len(self.rounds) - failed, failed)

    def table(self) -> str:
        """One line a kind, and their sum."""
        head = ["kind", "rounds", "acknowledged", *_COLUMNS, "other", "pause p50", "p99", "max"]
        kinds = sorted({one.kind for one in self.rounds})
        lines = [self._cells(kind, [one for one in self.rounds if one.kind == kind]) for kind in kinds]
        lines.append(self._cells("all", self.rounds))
        widths = [max(map(len, column)) for column in zip(head, *lines)]
        rows = [[cell.ljust(width) if n == 0 else cell.rjust(width) for n, (cell, width) in enumerate(zip(line, widths))] for line in [head, *lines]]
        return "\n".join("  ".join(row) for row in rows)

    @staticmethod
    def _cells(kind: str, rounds: list[Round]) -> list[str]:
        figures = _figures(rounds)
        times = [_ms(figures[name]) for name in ("pause_p50", "pause_p99", "pause_max")]
        return [kind, *(str(figures[name]) for name in ("rounds", "acknowledged", *_COLUMNS, "other")), *times]

    def as_json(self, seed: int) -> dict:
        kinds = {one.kind for one in self.rounds}
        return {
            "seed": seed,
            "is_clean": self.is_clean(),
            "kinds": {kind: _figures([one for one in self.rounds if one.kind == kind]) for kind in sorted(kinds)},
            "findings": [
                {"round": one.number, "kind": one.kind, "victim": one.victim, "texts": one.verdict.texts} for one in self.rounds if one.verdict.texts
            ],
        }


def _figures(rounds: list[Round]) -> dict[str, float | None]:
    pauses = [pause for one in rounds for pause in one.pauses]
    counts = {name: sum(one.verdict.counts[name] for one in rounds) for name in _COLUMNS}
    return {
        "rounds": len(rounds),
        "acknowledged": sum(one.acknowledged_count for one in rounds),
        **counts,
        "other": sum(sum(one.verdict.counts.values()) for one in rounds) - sum(counts.values()),
        "pause_p50": percentile(pauses, 50),
        "pause_p99": percentile(pauses, 99),
        "pause_max": max(pauses, default=None),
    }


def percentile(values: list[float], percent: float) -> float | None:
    """The least value that so many percent are not above; None if there are none."""
    if not values:
        return None
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else "%d ms" % round(seconds * 1000)
