"""The command: how many rounds of what, and what they found."""

import argparse
import asyncio
import json
import random
import sys

from harness.cluster import Cluster
from harness.plain import Plain

from . import cuts
from .crowd import STYLES, crowd
from .game import Game
from .kinds import KINDS, Fault
from .registrar import register
from .report import Report
from .rounds import Rounds
from .stage import refuse_without_databases, staged

_EXAMPLES = """examples:
  tests/faults/run --rounds 50                        fifty rounds of anything
  tests/faults/run --rounds 50 --seed 7               the same kinds, victims and moments as another run with this seed
  tests/faults/run --only kill-zone --rounds 300      is anything lost or doubled when zone servers die
  tests/faults/run --only stop-zone --rounds 100      does one that was paused write what others have
  tests/faults/run --ci                               every kind, in about five minutes

kinds: %s

Exit code 0: nothing was found; 1: something was; 2: it could not be run. Times to play on are printed, and fail nothing unless --pause-max is given.
PYMMORPG_BINARY names the command whose neighbours gateway, zone-server and auth are tested; tests/run builds them.
"""

_WORLD = Plain(columns=8, rows=8, cell=16, view_distance=10, speed=100, near=10, gold=1000)


def main() -> int:
    arguments = _parser().parse_args()
    refuse_without_databases()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    print("seed %d" % seed, file=sys.stderr, flush=True)
    report = asyncio.run(_run(arguments, seed))
    print(json.dumps(report.as_json(seed)) if arguments.json else report.text(), flush=True)
    is_slow = arguments.pause_max is not None and (report.pause_p99() or 0) > arguments.pause_max
    if not report.is_clean() or is_slow:
        print("%s; seed %d" % ("slow" if report.is_clean() else "NOT CLEAN", seed), file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/faults/run",
        description="Hurts a cluster while bots play on it, and compares what they were told with what is there.",
        epilog=_EXAMPLES % ", ".join(sorted(KINDS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how many [20]")
    parser.add_argument("--seed", type=int, metavar="S", help="picks kinds, victims and moments [any; it is printed first]")
    parser.add_argument("--only", choices=sorted(KINDS), metavar="KIND", help="nothing but this kind")
    parser.add_argument("--ci", action="store_true", help="every kind a few times, in about five minutes; --rounds counts nothing")
    parser.add_argument("--bots", type=int, default=24, metavar="N", help="how many play [24]")
    parser.add_argument("--zones", type=int, default=3, metavar="N", help="how many zone servers there are [3]")
    parser.add_argument("--gateways", type=int, default=2, metavar="N", help="how many gateways there are [2]")
    parser.add_argument("--pause-max", type=float, metavar="SECONDS", help="fail if 1 %% of all pauses are longer")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON document")
    return parser


def _plan(arguments: argparse.Namespace, chance: random.Random) -> list[type[Fault]]:
    """The kinds of all rounds, in their order."""
    if arguments.only:
        return [KINDS[arguments.only]] * arguments.rounds
    kinds = [KINDS[name] for name in sorted(KINDS)]
    if not arguments.ci:
        return chance.choices(kinds, [kind.weight for kind in kinds], k=arguments.rounds)
    plan = [kind for kind in kinds for _ in range(kind.ci_rounds)]
    chance.shuffle(plan)
    return plan


async def _run(arguments: argparse.Namespace, seed: int) -> Report:
    chance = random.Random(seed)
    plan = _plan(arguments, chance)
    report = Report()
    is_proxied = any(issubclass(kind, cuts.CUTS) for kind in plan)
    async with staged(_WORLD, arguments.gateways, arguments.zones, is_proxied, is_witnessed=True) as cluster:
        print("logs in %s" % (cluster.folder / "logs"), file=sys.stderr, flush=True)
        await _play(cluster, plan, arguments, chance, report)
    return report


async def _play(cluster: Cluster, plan: list[type[Fault]], arguments: argparse.Namespace, chance: random.Random, report: Report) -> None:
    game = Game(cluster, _WORLD)
    bots = crowd(game, arguments.bots, chance, STYLES)
    game.gold_total = _WORLD.gold * len(bots)
    game.may_play.set()
    lives = [asyncio.ensure_future(bot.live()) for bot in bots]
    lives.append(asyncio.ensure_future(register(game, random.Random(chance.random()))))
    rounds = Rounds(game, bots)
    try:
        await rounds.begin()
        for kind in plan:
            one = await rounds.play(kind, chance)
            report.rounds.append(one)
            print(one.line(), *one.verdict.texts, sep="\n    ", file=sys.stderr, flush=True)
            for life in lives:
                if life.done():
                    life.result()
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
