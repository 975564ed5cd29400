"""What can happen to a cluster. Each kind picks its victim, strikes, lasts for a while, and is healed."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable
from typing import ClassVar

from harness.cluster import Cluster, Zone

from .game import Game

#: How long a zone server is believed alive without a sign, in seconds.
TTL = 2.0

#: Every kind, by its name.
KINDS: dict[str, type["Fault"]] = {}

#: What is said when the database has gone away in the middle of something.
DATABASE_ERRORS = r"commit failed"

#: Longest wait for the regions to come to rest, in seconds.
_SETTLED_SECONDS_MAX = 30.0


async def _do(call: Callable, *arguments):
    """Something that waits for a process, beside the bots."""
    return await asyncio.to_thread(call, *arguments)


class Fault:
    """One stroke. `victim` says whom it hits, for people."""

    name: ClassVar[str]
    #: How often it is chosen among all, and how often in the short run.
    weight: ClassVar[int] = 1
    ci_rounds: ClassVar[int] = 2
    #: Errors that our processes must report then, for a person has to act: a regular expression.
    expected_errors: ClassVar[str] = "$^"
    #: Whether whom it hits goes elsewhere as soon as it strikes.
    leaves_in_order: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            KINDS[cls.name] = cls

    def __init__(self, game: Game, chance: random.Random):
        self.game, self.chance = game, chance
        self.victim = ""

    @property
    def cluster(self) -> Cluster:
        return self.game.cluster

    def affects(self, owner: str | None, gateway: str) -> bool:
        """Whether it is a matter for a bot whose character a zone server has, and who is at a gateway."""
        return True

    async def strike(self) -> None:
        raise NotImplementedError

    async def last(self) -> None:
        """What happens while bots wait to play on."""

    async def heal(self) -> None:
        """Makes the cluster whole again, once they play."""


class _ZoneFault(Fault):
    """Hits one zone server."""

    def __init__(self, game: Game, chance: random.Random):
        super().__init__(game, chance)
        self.zone: Zone = chance.choice(game.cluster.zones)
        self.victim = self.zone.name

    def affects(self, owner: str | None, gateway: str) -> bool:
        return owner == self.zone.name

    async def heal(self) -> None:
        """There are as many again, each with a share; the regions may still be moving when the next round begins."""
        if not self.zone.is_running():
            await _do(self.zone.start)
        await _do(self.cluster.wait_until_shared, _SETTLED_SECONDS_MAX)


class KillZone(_ZoneFault):
    name = "kill-zone"
    weight = 6
    ci_rounds = 8

    async def strike(self) -> None:
        self.zone.kill()

    async def last(self) -> None:
        """Whoever watches over processes may be quick: back before anybody has noticed, or before its regions are taken."""
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.uniform(0, TTL))
            await _do(self.zone.start)


class StopZone(_ZoneFault):
    """Paused past its time: it does not know, and must not write what others have now."""

    name = "stop-zone"
    expected_errors = DATABASE_ERRORS
    weight = 3
    ci_rounds = 4

    async def strike(self) -> None:
        self.zone.send(signal.SIGSTOP)

    async def last(self) -> None:
        await asyncio.sleep(2 * TTL)
        self.zone.send(signal.SIGCONT)


class TermZone(_ZoneFault):
    """Asked to end: it hands over what it has."""

    name = "term-zone"
    weight = 2
    ci_rounds = 3
    leaves_in_order = True

    async def strike(self) -> None:
        self.zone.send(signal.SIGTERM)

    async def last(self) -> None:
        await _do(self.zone.wait_until_ended)


class AddZone(Fault):
    name = "add-zone"

    async def strike(self) -> None:
        self._zone = await _do(self.cluster.add_zone)
        self.victim = self._zone.name

    async def last(self) -> None:
        await _do(self.cluster.wait_until_settled, _SETTLED_SECONDS_MAX)

    async def heal(self) -> None:
        await _do(self.cluster.remove_zone, self._zone)


class KillGateway(Fault):
    name = "kill-gateway"
    weight = 2
    ci_rounds = 4

    def __init__(self, game: Game, chance: random.Random):
        super().__init__(game, chance)
        self._gateway = chance.choice(game.cluster.gateways)
        self.victim = self._gateway.name

    def affects(self, owner: str | None, gateway: str) -> bool:
        return gateway == self._gateway.name

    async def strike(self) -> None:
        self.game.dying.add(self._gateway)
        self._gateway.kill()

    async def heal(self) -> None:
        await _do(self._gateway.start)


class KillAuth(Fault):
    name = "kill-auth"

    async def strike(self) -> None:
        self.victim = self.cluster.auth.name
        self.cluster.auth.kill()

    async def last(self) -> None:
        """Play goes on meanwhile; whoever logs in waits for it, up to half a minute."""
        await asyncio.sleep(2 * TTL)
        await _do(self.cluster.auth.start)


class FlushRedis(Fault):
    name = "flush-redis"

    async def strike(self) -> None:
        self.victim = self.cluster.redis.name
        self.cluster.redis.ask("FLUSHALL")


class KillRedis(Fault):
    name = "kill-redis"
    ci_rounds = 1

    async def strike(self) -> None:
        self.victim = self.cluster.redis.name
        self.cluster.redis.kill()

    async def last(self) -> None:
        await asyncio.sleep(10.0)
        await _do(self.cluster.redis.start)


class RestartPostgres(Fault):
    name = "restart-postgres"
    expected_errors = DATABASE_ERRORS

    async def strike(self) -> None:
        self._is_immediate = self.chance.random() < 0.5
        self.victim = "postgres, " + ("immediate" if self._is_immediate else "fast")
        await _do(self.cluster.postgres.restart, self._is_immediate)

    async def heal(self) -> None:
        await _do(self.cluster.wait_until_shared, _SETTLED_SECONDS_MAX)
