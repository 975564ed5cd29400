"""Connections between two processes that are cut: reset, or for some seconds a hole into which everything falls."""

import asyncio
import random

from harness.process import Program

from .game import Game
from .kinds import DATABASE_ERRORS, TTL, Fault

#: The longest hole, in seconds. Past the time after which a zone server is not believed alive.
_HOLE_SECONDS_MAX = 2 * TTL


class _Cut(Fault):
    """Cuts what one process has connected to a port of another. The cluster must be proxied."""

    def __init__(self, game: Game, chance: random.Random, one: Program, other: str, port: int):
        super().__init__(game, chance)
        self._one, self._port = one, port
        self._hole_seconds = chance.uniform(0.2, _HOLE_SECONDS_MAX) if chance.random() < 0.5 else None
        how = "reset" if self._hole_seconds is None else "%.1f s hole" % self._hole_seconds
        self.victim = "%s → %s, %s" % (one, other, how)

    async def strike(self) -> None:
        proxies, process = self.cluster.proxies, self._one.pid
        assert proxies is not None, "the cluster has no proxies"
        if self._hole_seconds is None:
            proxies.reset(self._port, process)
        else:
            proxies.hold(self._port, self._hole_seconds, process)

    async def last(self) -> None:
        await asyncio.sleep(self._hole_seconds or 0)

    async def heal(self) -> None:
        await asyncio.to_thread(self.cluster.wait_until_shared)


class CutLink(_Cut):
    """Between a gateway and a zone server."""

    name = "cut-link"
    ci_rounds = 4

    def __init__(self, game: Game, chance: random.Random):
        gateway, self._zone = chance.choice(game.cluster.gateways), chance.choice(game.cluster.zones)
        super().__init__(game, chance, gateway, self._zone.name, self._zone.advertised_port)

    def affects(self, owner: str | None, gateway: str) -> bool:
        return (owner, gateway) == (self._zone.name, self._one.name)


class CutPeers(_Cut):
    """Between two zone servers, by the connection that one of them has made."""

    name = "cut-peers"
    ci_rounds = 4

    def __init__(self, game: Game, chance: random.Random):
        one, other = chance.sample(game.cluster.zones, 2)
        super().__init__(game, chance, one, other.name, other.advertised_port)

    def affects(self, owner: str | None, gateway: str) -> bool:
        return owner == self._one.name


class CutSql(_Cut):
    """Between a zone server and PostgreSQL."""

    name = "cut-sql"
    expected_errors = DATABASE_ERRORS
    ci_rounds = 4

    def __init__(self, game: Game, chance: random.Random):
        super().__init__(game, chance, chance.choice(game.cluster.zones), "postgres", game.cluster.sql_port)

    def affects(self, owner: str | None, gateway: str) -> bool:
        return owner == self._one.name


#: All of them: they need a cluster that is proxied.
CUTS = (CutLink, CutPeers, CutSql)
