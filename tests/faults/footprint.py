"""What a player costs: processor time and memory of each process, and what is written for each."""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import Cluster
from harness.plain import Plain
from harness.process import Process, Program

from .client import Client
from .report import percentile
from .stage import refuse_without_databases, staged

_EXAMPLES = """examples:
  tests/faults/footprint                               300 players for 20 s, five steps and five looks a second each
  tests/faults/footprint --crowd 48 --rate 2           crowds, who take it easy
  tests/faults/footprint --set-seconds 0 --json        nobody sets anything
  tests/faults/footprint --gateways 6                  who stand together have come by six gateways

One zone server. Players stand in crowds, each crowd out of sight of the others, and go to and fro. A step, the look after it and the wait
for both are one turn; now and then a turn has a `set` in it, which is answered after a commit. Processor time is what Linux says that each process had,
whatever else the machine does.
Exit code 1: the players made less than 95 % of the turns that they were to make; then the figures are of a lighter load.
"""

#: The side of a region, in tiles. Who stands in the middle of one sees nobody of the next.
_CELL = 32
_VIEW = 10
#: How many register at once; the account service hashes no faster for more.
_ENTERING_MAX = 32
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Spent:
    """What there is to be compared with what was earlier."""

    at: float
    cpu_seconds: dict[str, float]
    commits: float
    operations: float
    wal_bytes: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/faults/footprint", description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=300, metavar="N", help="how many play [300]")
    parser.add_argument("--crowd", type=int, default=12, metavar="N", help="how many of them see each other [12]")
    parser.add_argument("--rate", type=float, default=5, metavar="N", help="turns a second of each [5]")
    parser.add_argument("--set-seconds", type=float, default=10, metavar="S", help="time from one `set` of a player to the next; 0: none [10]")
    parser.add_argument("--gateways", type=int, default=1, metavar="N", help="by how many gateways they come, in turn [1]")
    parser.add_argument("--seconds", type=float, default=20, metavar="S", help="for how long [20]")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    refuse_without_databases()
    figures = asyncio.run(_run(arguments))
    print(json.dumps(figures) if arguments.json else _text(figures))
    return 0 if figures["turns_part"] >= 0.95 else 1


async def _run(arguments: argparse.Namespace) -> dict:
    crowd_count = -(-arguments.players // arguments.crowd)
    side = next(side for side in range(1, 100) if side * side >= crowd_count)
    world = Plain(columns=side, rows=side, cell=_CELL, view_distance=_VIEW)
    async with staged(world, gateway_count=arguments.gateways, zone_count=1) as cluster:
        print("logs in %s" % (cluster.folder / "logs"), file=sys.stderr, flush=True)
        empty = _memory(cluster)
        gate = asyncio.Semaphore(_ENTERING_MAX)

        async def enter(number: int) -> Client:
            row, column = divmod(number // arguments.crowd, side)
            async with gate:
                return await _enter(cluster, world, number, column, row)

        clients = await asyncio.gather(*map(enter, range(arguments.players)))
        before = await asyncio.to_thread(_spent, cluster)
        received = -sum(client.received_bytes for client in clients)
        end = time.monotonic() + arguments.seconds
        lives = [_live(client, number, arguments, end) for number, client in enumerate(clients)]
        turns = [seconds for life in await asyncio.gather(*lives) for seconds in life]
        after = await asyncio.to_thread(_spent, cluster)
        received += sum(client.received_bytes for client in clients)
        full = _memory(cluster)
        in_view = len(await clients[0].ask("update"))
    seconds, count = after.at - before.at, arguments.players
    cores = {name: (after.cpu_seconds[name] - spent) / seconds for name, spent in before.cpu_seconds.items()}
    return {
        "players": count,
        "in_view": in_view,
        "turns_per_second": len(turns) / seconds,
        "turns_part": len(turns) / (arguments.rate * count * arguments.seconds),
        "p50_ms": 1000 * (percentile(turns, 50) or 0),
        "p99_ms": 1000 * (percentile(turns, 99) or 0),
        "received_bytes_per_player_second": received / seconds / count,
        "cores": cores,
        "players_per_core": {name: count / used for name, used in cores.items() if used},
        "memory_per_player_kib": {name: (full[name] - empty[name]) / count for name in full},
        "commits_per_second": (after.commits - before.commits) / seconds,
        "operations_per_player_second": (after.operations - before.operations) / seconds / count,
        "wal_bytes_per_player_second": (after.wal_bytes - before.wal_bytes) / seconds / count,
    }


def _text(figures: dict) -> str:
    text = "%(players)d players, %(in_view)d in view of each, %(turns_per_second).0f turns/s (step and look): p50 %(p50_ms).1f ms, p99 %(p99_ms).1f ms\n"
    text += "%(commits_per_second).1f commits/s; a player makes %(operations_per_player_second).2f writes/s, %(wal_bytes_per_player_second).0f bytes/s of WAL, "
    text += "and is sent %(received_bytes_per_player_second).0f bytes/s"
    lines = [text % figures]
    for name, used in figures["cores"].items():
        memory = figures["memory_per_player_kib"].get(name)
        lines.append(
            "%-12s %5.3f cores, %6.0f players a core%s"
            % (name, used, figures["players_per_core"].get(name, float("inf")), "" if memory is None else ", %.1f KiB a player" % memory)
        )
    return "\n".join(lines)


async def _enter(cluster: Cluster, world: Plain, number: int, column: int, row: int) -> Client:
    """A new character near the middle of a region, each of a crowd in a place of its own."""
    client = await Client.open(cluster.gateways[number % len(cluster.gateways)].address)
    assert await client.ask("new", "Player %d" % number, "secret") is True
    x, y, _ = world.start
    aside = (number % 7) / 2
    assert await client.ask("move", ((column + 0.5) * _CELL - x + aside, (row + 0.5) * _CELL - y + aside, 0)) is True
    return client


async def _live(client: Client, number: int, arguments: argparse.Namespace, end: float) -> list[float]:
    """Turns until the end; how long each took."""
    took: list[float] = []
    interval = 1 / arguments.rate
    # Not all at once.
    due = time.monotonic() + interval * (number % 97) / 97
    set_at = time.monotonic() + arguments.set_seconds * (number % 89) / 89 if arguments.set_seconds else end
    while True:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        since = time.monotonic()
        if since >= end:
            return took
        requests: list[list] = [["move", (0.25 if len(took) % 2 else -0.25, 0, 0)], ["update"]]
        if since >= set_at:
            requests.append(["set", "Player %d" % number, "count", len(took)])
            set_at += arguments.set_seconds
        client.send(requests)
        replies = [await client.reply() for _ in requests]
        assert replies[0] is True and replies[1] and replies[2:] in ([], [True]), replies
        took.append(time.monotonic() - since)
        due = max(due + interval, since)


def _spent(cluster: Cluster) -> _Spent:
    children = [pid for pid, parent in _processes() if parent == cluster.postgres.pid]
    cpu = {"postgres": _cpu_seconds(cluster.postgres) + sum(map(_pid_seconds, children))}
    for name, programs in _kinds(cluster).items():
        cpu[name] = sum(map(_cpu_seconds, programs))
    wal = cluster.sql.column("SELECT (pg_current_wal_lsn() - '0/0')::BIGINT")[0]
    commits, operations = (sum(_written(program, name) for program in cluster.programs) for name in ("seconds_count", "operations_total"))
    return _Spent(time.monotonic(), cpu, commits, operations, wal)


def _written(program: Program, what: str) -> float:
    """What a program has written of the game, without what it says of itself each second."""
    _, text = program.fetch("/metrics")
    return sum(map(float, re.findall(r'^pymmorpg_commit_%s\{of="game"\} (\S+)$' % what, text, re.M)))


def _processes() -> list[tuple[int, int]]:
    """Every process, and whose child it is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.append((int(folder.name), int(_stat(int(folder.name))[1])))
        except OSError:
            pass  # It has ended meanwhile.
    return found


def _kinds(cluster: Cluster) -> dict[str, list[Process]]:
    return {"auth": [cluster.auth], "zone-server": [*cluster.zones], "gateway": [*cluster.gateways], "redis": [cluster.redis]}


def _stat(pid: int) -> list[str]:
    """The words of /proc/PID/stat behind the name, which may have spaces."""
    return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()


def _pid_seconds(pid: int) -> float:
    return sum(map(int, _stat(pid)[11:13])) / _TICKS_A_SECOND


def _cpu_seconds(process: Process) -> float:
    assert process.pid is not None, "%s does not run" % process
    return _pid_seconds(process.pid)


def _memory(cluster: Cluster) -> dict[str, float]:
    """What of the programs of a kind is in memory, in KiB."""
    page_kib = os.sysconf("SC_PAGE_SIZE") / 1024
    return {name: sum(page_kib * int(_stat(program.pid)[21]) for program in programs if program.pid) for name, programs in _kinds(cluster).items()}
