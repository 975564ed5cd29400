"""Bots on a stack while things happen to it, and what the ledger says."""

import argparse
import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from faults.bot import Style
from faults.crowd import STYLES, crowd
from faults.registrar import register
from faults.report import Round
from faults.rounds import Rounds
from harness.plain import Plain

from . import events, example, observe
from .cluster import ComposeCluster
from .events import Event
from .game import ComposeGame
from .images import Images
from .stack import Stack

_WORLD = Plain(columns=8, rows=8, cell=16, view_distance=10, speed=100, near=10, gold=1000)
_ZONES, _GATEWAYS = 3, 2
#: A gateway that is replaced keeps its players for so long here; in earnest it is longer.
_LINGER_MS = 2000
#: Zone servers come and go, and nobody may have to wait for it.
_IN_ORDER = ("scale-to-5", "scale-to-3")


@dataclass(frozen=True)
class Figures:
    """How many play, and what is demanded of the figures; None: they are only printed."""

    bot_count: int
    styles: Sequence[Style]
    #: The order of what happens.
    plan: Sequence[type[Event]]
    image_megabytes_max: float | None = None
    #: Of one request while zone servers come and go in order, in seconds.
    longest_wait_max: float | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Figures":
        hurts = [events.KillContainer, events.CutContainer, events.UpgradeZones, events.BadUpgrade, events.RestartRedis, events.RestartPostgres]
        if arguments.figures:
            return cls(arguments.bots or 300, [Style.CALM], [events.ScaleTo5, events.ScaleTo3, *hurts], 60.0, 1.0)
        return cls(arguments.bots or (24 if arguments.ci else 60), STYLES, [events.ScaleTo5, events.ScaleTo2, *hurts])


class Counts(Protocol):
    """Where it is said what passed and what failed."""

    def passed(self, name: str, said: str) -> None: ...

    def failed(self, name: str, said: str) -> None: ...

    def take(self, name: str, step: Callable[[], str]) -> bool: ...


async def play(stack: Stack, images: Images, figures: Figures, chance: random.Random, counts: Counts) -> None:
    """A new cluster with the world of the ledger, on which bots play while one event comes after another."""
    cluster = ComposeCluster(stack)
    try:
        await asyncio.to_thread(_prepare, cluster)
    except AssertionError as error:
        counts.failed("cluster", str(error))
        return
    shares = sorted((await asyncio.to_thread(cluster.shares)).values())
    counts.passed("cluster", "%d zone servers have %r" % (_ZONES, shares))
    await asyncio.to_thread(counts.take, "status", lambda: example.status(stack))
    ours = stack.environment["PYMMORPG_IMAGE"]
    events.UpgradeZones.image = await asyncio.to_thread(images.derive, ours, "2", "LABEL version=2")
    # It lives, and does nothing.
    events.BadUpgrade.image = await asyncio.to_thread(images.derive, ours, "bad", 'ENTRYPOINT ["tail", "-f", "/dev/null", "--"]')

    game = ComposeGame(cluster, _WORLD)
    game.bots = bots = crowd(game, figures.bot_count, chance, figures.styles)
    game.gold_total = _WORLD.gold * len(bots)
    game.may_play.set()
    lives = [asyncio.ensure_future(bot.live()) for bot in bots]
    lives.append(asyncio.ensure_future(register(game, random.Random(chance.random()))))
    rounds = Rounds(game, bots, is_witnessed=False)
    try:
        await rounds.begin()
        counts.passed("bots", "%d play" % len(bots))
        for kind in figures.plan:
            _count(await rounds.play(kind, chance), figures, counts)
            for life in lives:
                if life.done():
                    life.result()
    except AssertionError as error:
        counts.failed("bots", str(error))
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


def _prepare(cluster: ComposeCluster) -> None:
    """Begins anew with the plain, as large as the cluster is to be. The ledger wants it to be the first world of its database, on level 0."""
    stack = cluster.stack
    stack.down()
    stack.environment["PYMMORPG_WORLD"] = str(_WORLD.write(stack.folder / "world"))
    stack.environment["PYMMORPG_LINGER_TIMEOUT_MS"] = str(_LINGER_MS)
    stack.up("--scale", "zone-server=%d" % _ZONES, "--scale", "gateway=%d" % _GATEWAYS)
    # It looks on from here, and is asked in the end.
    observe.start(stack)
    stack.wait_until_healthy("zone-server", _ZONES)
    stack.wait_until_healthy("gateway", _GATEWAYS)
    cluster.wait_until_shared(_ZONES)


def _count(one: Round, figures: Figures, counts: Counts) -> None:
    """A round is a step: it is well if nothing was found, and, where that is demanded, no request took too long."""
    found = [one.line(), *one.verdict.texts]
    if figures.longest_wait_max is not None and one.kind in _IN_ORDER and one.longest_wait > figures.longest_wait_max:
        found.append("a request took longer than %g s" % figures.longest_wait_max)
    if one.verdict.is_clean() and len(found) == 1:
        counts.passed(one.kind, found[0])
    else:
        counts.failed(one.kind, "\n    ".join(found))
