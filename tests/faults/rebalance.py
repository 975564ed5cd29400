"""What players notice when a zone server joins and takes its share of a thousand regions, and when it hands them back."""

import argparse
import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field

from harness.cluster import Cluster
from harness.plain import Plain

from .client import Client
from .report import percentile
from .stage import refuse_without_databases, staged

_EXAMPLES = """examples:
  tests/faults/rebalance              two zone servers with 1,000 regions; a third one joins, and leaves
  tests/faults/rebalance --bots 200   more who notice

Each bot stands in a region of its own and has one request under way at any time: a move, a change, a look at itself.
Exit code 1: one of them took longer than --longest.
"""

#: A thousand regions.
_WORLD = Plain(columns=40, rows=25, cell=8, view_distance=6)
#: How long bots play undisturbed, and after the regions have come to rest.
_CALM_SECONDS = 3.0
#: Longest wait for the regions to come to rest.
_SETTLED_SECONDS_MAX = 120.0


@dataclass
class _Measured:
    """Seconds of each request since the last `take`; those that are unanswered count as long as they have waited."""

    seconds: list[float] = field(default_factory=list)
    waiting_since: dict[str, float] = field(default_factory=dict)

    def take(self) -> dict[str, float]:
        now = time.monotonic()
        taken, self.seconds = self.seconds + [now - since for since in self.waiting_since.values()], []
        figures = {"p50_ms": percentile(taken, 50), "p99_ms": percentile(taken, 99), "longest_ms": max(taken, default=0.0)}
        return {"requests": len(taken), **{name: 1000 * (value or 0) for name, value in figures.items()}}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests/faults/rebalance", description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bots", type=int, default=60, metavar="N", help="how many play [60]")
    parser.add_argument("--longest", type=float, default=1.0, metavar="SECONDS", help="the longest that a request may take [1]")
    parser.add_argument("--seed", type=int, metavar="S", help="picks the places where bots stand [any; it is printed first]")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    refuse_without_databases()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    print("seed %d" % seed, file=sys.stderr, flush=True)
    phases, problem = asyncio.run(_run(arguments.bots, random.Random(seed)))
    if arguments.json:
        print(json.dumps({"phases": phases, "problem": problem}))
    else:
        for phase, figures in phases.items():
            text = "%(regions)d regions moved in %(seconds).1f s, %(requests)d requests: p50 %(p50_ms).1f ms, p99 %(p99_ms).1f ms, longest %(longest_ms).0f ms"
            print("%-5s  %s" % (phase, text % figures))
    if problem:
        print(problem, file=sys.stderr)
    return 0 if not problem and max(figures["longest_ms"] for figures in phases.values()) <= 1000 * arguments.longest else 1


async def _run(bot_count: int, chance: random.Random) -> tuple[dict[str, dict[str, float]], str]:
    """The figures of each phase, and what kept it from coming to its end, if anything."""
    problem = ""
    async with staged(_WORLD, gateway_count=2, zone_count=2) as cluster:
        print("logs in %s" % (cluster.folder / "logs"), file=sys.stderr, flush=True)
        cells = chance.sample([(column, row) for column in range(1, _WORLD.columns - 1) for row in range(1, _WORLD.rows - 1)], bot_count)
        measured = _Measured()
        clients = [await _enter(cluster, number, *cell) for number, cell in enumerate(cells)]
        lives = [asyncio.ensure_future(_live(client, number, measured)) for number, client in enumerate(clients)]
        phases: dict[str, dict[str, float]] = {}
        try:
            phases["calm"] = await _phase(cluster, measured, None)
            phases["join"] = await _phase(cluster, measured, cluster.add_zone)
            phases["leave"] = await _phase(cluster, measured, lambda: cluster.remove_zone(cluster.zones[-1]))
        except AssertionError as error:
            problem = str(error)
        finally:
            problem += "".join(str(life.exception()) for life in lives if life.done())
            for life in lives:
                life.cancel()
    return phases, problem


async def _phase(cluster: Cluster, measured: _Measured, change) -> dict[str, float]:
    """Lets something happen, and says what those who played noticed until the regions were at rest."""
    before, begin = await asyncio.to_thread(cluster.sql.holders), time.monotonic()
    measured.take()
    if change is not None:
        await asyncio.to_thread(change)
    await asyncio.to_thread(cluster.wait_until_settled, _SETTLED_SECONDS_MAX)
    seconds = time.monotonic() - begin
    await asyncio.sleep(_CALM_SECONDS)
    after = await asyncio.to_thread(cluster.sql.holders)
    moved = sum(after[region] != holder for region, holder in before.items())
    return {"regions": moved, "seconds": seconds, **measured.take()}


async def _enter(cluster: Cluster, number: int, column: int, row: int) -> Client:
    """A new character in the middle of a cell."""
    client = await Client.open(cluster.gateways[number % len(cluster.gateways)].address)
    assert await client.ask("new", "Settler %d" % number, "secret") is True
    x, y, _ = _WORLD.start
    assert await client.ask("move", ((column + 0.5) * _WORLD.cell - x, (row + 0.5) * _WORLD.cell - y, 0)) is True
    return client


async def _live(client: Client, number: int, measured: _Measured) -> None:
    """One request after another."""
    name, count = "Settler %d" % number, 0
    while True:
        count += 1
        step = 0.25 if count % 2 else -0.25
        for request, wanted in ((["move", (step, 0, 0)], True), (["set", name, "count", count], True), (["get", name, "count"], count)):
            since = measured.waiting_since[name] = time.monotonic()
            result = await client.ask(*request)
            del measured.waiting_since[name]
            measured.seconds.append(time.monotonic() - since)
            assert result == wanted, "%s: %r is answered %r instead of %r" % (name, request, result, wanted)
            await asyncio.sleep(0.02)
