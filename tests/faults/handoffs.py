"""How fast characters go from one zone server to another, and how long each of them waits for it."""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

from harness.cluster import Cluster
from harness.plain import Plain

from .client import Client
from .report import percentile
from .stage import refuse_without_databases, staged

_EXAMPLES = """examples:
  tests/faults/handoffs                    300 handoffs a second for 20 s
  tests/faults/handoffs --rate 0           as many as there can be
  tests/faults/handoffs --bots 8 --json    of eight bots

Each bot steps from the middle of a region into the middle of one beside it, which the other zone server has, and asks for its next step at once: that
one is answered by the new owner. Its wait is what is measured. Handoffs are counted by the rows: each is a release and a claim.
Exit code 1: less than 95 % of the rate was reached, or the 99th percentile was over --pause-max.
"""

_WORLD = Plain(columns=8, rows=8, cell=16)


@dataclass
class _Measured:
    pauses: list[float] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests/faults/handoffs", description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=300, metavar="N", help="handoffs a second that are tried; 0: as many as there can be [300]")
    parser.add_argument("--seconds", type=float, default=20, metavar="S", help="for how long [20]")
    parser.add_argument("--bots", type=int, default=60, metavar="N", help="how many go back and forth [60]")
    parser.add_argument("--pause-max", type=float, default=0.1, metavar="SECONDS", help="longest 99th percentile of a crossing [0.1]")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    refuse_without_databases()
    figures = asyncio.run(_run(arguments))
    if arguments.json:
        print(json.dumps(figures))
    else:
        text = "%(per_second).0f handoffs/s between two zone servers, %(crossings)d crossings: pause p50 %(p50_ms).1f ms, p99 %(p99_ms).1f ms, max %(max_ms).1f ms"
        print(text % figures)
    is_reached = figures["per_second"] >= 0.95 * arguments.rate and figures["p99_ms"] <= arguments.pause_max * 1000
    return 0 if is_reached else 1


async def _run(arguments: argparse.Namespace) -> dict[str, float]:
    async with staged(_WORLD, gateway_count=2, zone_count=2) as cluster:
        print("logs in %s" % (cluster.folder / "logs"), file=sys.stderr, flush=True)
        borders = _borders(await asyncio.to_thread(cluster.sql.holders))
        clients = [await _enter(cluster, number, *borders[number % len(borders)]) for number in range(arguments.bots)]
        measured = _Measured()
        before, begin = await asyncio.to_thread(_hand_count, cluster), time.monotonic()
        end = begin + arguments.seconds
        interval = arguments.bots / arguments.rate if arguments.rate else 0.0
        crossings = [_cross(client, borders[number % len(borders)], interval, end, measured) for number, client in enumerate(clients)]
        await asyncio.gather(*crossings)
        seconds = time.monotonic() - begin
        hands = await asyncio.to_thread(_hand_count, cluster) - before
    return {
        "per_second": hands / 2 / seconds,
        "crossings": len(measured.pauses),
        "seconds": seconds,
        "p50_ms": 1000 * (percentile(measured.pauses, 50) or 0),
        "p99_ms": 1000 * (percentile(measured.pauses, 99) or 0),
        "max_ms": 1000 * max(measured.pauses, default=0),
    }


def _borders(holders: dict[str, int | None]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Pairs of regions side by side that two zone servers have: the middle of one, and the way into the middle of the other."""
    cell, found = _WORLD.cell, []
    for column in range(_WORLD.columns):
        for row in range(_WORLD.rows):
            for east, south in ((1, 0), (0, 1)):
                one, other = "0:%d:%d" % (column, row), "0:%d:%d" % (column + east, row + south)
                if other in holders and holders[one] != holders[other]:
                    found.append((((column + 0.5) * cell, (row + 0.5) * cell), (float(east * cell), float(south * cell))))
    assert found, "no two regions side by side are on different zone servers"
    return found


async def _enter(cluster: Cluster, number: int, place: tuple[float, float], _way: tuple[float, float]) -> Client:
    """A new character at a place."""
    client = await Client.open(cluster.gateways[number % len(cluster.gateways)].address)
    assert await client.ask("new", "Walker %d" % number, "secret") is True
    x, y, _ = _WORLD.start
    assert await client.ask("move", (place[0] - x, place[1] - y, 0)) is True
    assert await client.ask("get", "Walker %d" % number, "pos") == (*place, 0)
    return client


async def _cross(client: Client, border: tuple, interval: float, end: float, measured: _Measured) -> None:
    """Back and forth until the end."""
    _, (dx, dy) = border
    due = time.monotonic()
    while (now := time.monotonic()) < end:
        assert await client.ask("move", (dx, dy, 0)) is True
        since = time.monotonic()
        assert await client.ask("move", (0, 0, 0)) is True
        measured.pauses.append(time.monotonic() - since)
        dx, dy = -dx, -dy
        due = max(due + interval, now)
        await asyncio.sleep(max(due - time.monotonic(), 0))


def _hand_count(cluster: Cluster) -> int:
    """How often rows changed hands, all together."""
    return cluster.sql.column("SELECT sum(own)::BIGINT FROM entities")[0]
