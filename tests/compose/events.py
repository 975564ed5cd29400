"""What happens to the stack while bots play: as the kinds of the fault harness, each with containers in the place of processes."""

import asyncio
import os
import signal
import subprocess
from typing import ClassVar

from faults.kinds import DATABASE_ERRORS, TTL, Fault

from .cluster import ComposeCluster
from .game import ComposeGame
from .shell import as_root
from .stack import Container, Stack

#: How long one is cut off.
_CUT_SECONDS = 10.0
#: How long a version that is never ready is waited for.
_BAD_SECONDS = 5


class Event(Fault):
    """One stroke on a stack."""

    game: ComposeGame

    @property
    def cluster(self) -> ComposeCluster:
        return self.game.cluster

    @property
    def stack(self) -> Stack:
        return self.cluster.stack

    async def strike(self) -> None:
        """Most begin with a command of some seconds: bots are watched meanwhile."""

    async def settle(self, count: int) -> None:
        """So many zone servers, each healthy and with a share."""
        await asyncio.to_thread(self.stack.wait_until_healthy, "zone-server", count)
        await asyncio.to_thread(self.cluster.wait_until_shared, count)


class _Scale(Event):
    """`up --scale` while people play."""

    count: ClassVar[int]
    leaves_in_order = True

    async def last(self) -> None:
        self.victim = "%d → %d" % (len(self.cluster.zones), self.count)
        gateways = len(await asyncio.to_thread(self.stack.containers, "gateway"))
        scales = ["--scale", "zone-server=%d" % self.count, "--scale", "gateway=%d" % gateways]
        await asyncio.to_thread(self.stack.up, "--no-recreate", *scales)
        await self.settle(self.count)


class ScaleTo5(_Scale):
    name = "scale-to-5"
    count = 5


class ScaleTo3(_Scale):
    name = "scale-to-3"
    count = 3


class ScaleTo2(_Scale):
    name = "scale-to-2"
    count = 2


class _OneZone(Event):
    """Hits the container of one zone server."""

    def __init__(self, game, chance):
        super().__init__(game, chance)
        self.zone: Container = chance.choice(self.cluster.zones)
        self.count = len(self.cluster.zones)
        self.victim = self.zone.name

    def affects(self, owner: str | None, gateway: str) -> bool:
        return owner == self.zone.name

    async def heal(self) -> None:
        await self.settle(self.count)


class KillContainer(_OneZone):
    """Its process dies; Docker starts another in the same container."""

    name = "kill-container"

    async def strike(self) -> None:
        pid = await asyncio.to_thread(self.zone.pid)
        # Not `docker kill`: Docker does not bring back what it was asked to kill.
        if os.geteuid() == 0:
            os.kill(pid, signal.SIGKILL)
        else:
            await asyncio.to_thread(subprocess.run, as_root("kill", "-9", str(pid)), check=True)


class CutContainer(_OneZone):
    """Out of its network, past its time, and back: what it had to say to others is lost without a word to anybody."""

    name = "cut-container"
    expected_errors = DATABASE_ERRORS

    async def strike(self) -> None:
        await asyncio.to_thread(self.stack.docker, "network", "disconnect", self._network, self.zone.id)

    async def last(self) -> None:
        assert _CUT_SECONDS > 2 * TTL
        await asyncio.sleep(_CUT_SECONDS)
        await asyncio.to_thread(self.stack.docker, "network", "connect", "--alias", "zone-server", self._network, self.zone.id)

    @property
    def _network(self) -> str:
        return self.stack.project + "_back"


class RestartRedis(Event):
    name = "restart-redis"

    async def last(self) -> None:
        self.victim = "redis"
        await asyncio.to_thread(self.stack.docker, "restart", self.stack.container("redis").id)


class RestartPostgres(Event):
    name = "restart-postgres-container"
    #: Whoever makes an account just then is not answered, and the account service says so.
    expected_errors = DATABASE_ERRORS + "|the database did not answer"

    async def last(self) -> None:
        self.victim = "postgres"
        await asyncio.to_thread(self.stack.docker, "restart", self.stack.container("postgres").id)
        await asyncio.to_thread(self.stack.wait_until_healthy, "postgres", 1)

    async def heal(self) -> None:
        await self.settle(len(self.cluster.zones))


class _Upgrade(Event):
    """deploy/rolling-upgrade to another image."""

    image: ClassVar[str]
    arguments: ClassVar[tuple[str, ...]] = ()

    async def _roll(self) -> tuple[int, str]:
        self.stack.environment["PYMMORPG_IMAGE"] = self.image
        return await asyncio.to_thread(self.stack.rolling_upgrade, *self.arguments, hears=self._hear)

    def _hear(self, line: str) -> None:
        print("    " + line, flush=True)

    async def _images(self, service: str) -> set[str]:
        containers = await asyncio.to_thread(self.stack.containers, service)
        return {(await asyncio.to_thread(container.inspect))["Config"]["Image"] for container in containers}


class UpgradeZones(_Upgrade):
    """All of it: zone servers, which no player may notice, and then the account service and gateways, whose players come back."""

    name = "rolling-upgrade"
    leaves_in_order = True

    async def last(self) -> None:
        self._count = len(self.cluster.zones)
        code, said = await self._roll()
        assert code == 0, "the roll ended with %d:\n%s" % (code, said)
        for service in ("zone-server", "auth", "gateway"):
            images = await self._images(service)
            assert images == {self.image}, "after the roll, %s runs %r" % (service, images)
        await self.settle(self._count)

    def _hear(self, line: str) -> None:
        super()._hear(line)
        # Until here nobody may be disconnected: it was zone servers' turn.
        if line.startswith("auth:") and "has ended" in line:
            self.victim = "zone servers: longest request %d ms" % round(1000 * self.game.longest_wait())
            self.game.dying.add(self.cluster.door)
            self.game.leaving.add(self.cluster.door)


class BadUpgrade(_Upgrade):
    """A version that never says that it is ready: the first new container stops the roll, and those that are there play on."""

    name = "bad-upgrade"
    arguments = ("--timeout", str(_BAD_SECONDS))

    async def last(self) -> None:
        before = self.stack.environment["PYMMORPG_IMAGE"]
        zones = {zone.id for zone in self.cluster.zones}
        code, said = await self._roll()
        self.stack.environment["PYMMORPG_IMAGE"] = before
        self.victim = "exit code %d" % code
        assert code == 1 and "is not ready after %d s" % _BAD_SECONDS in said, "the roll ended with %d:\n%s" % (code, said)
        await asyncio.to_thread(self.cluster.look)
        left = await asyncio.to_thread(self.stack.containers, "zone-server", False)
        assert {zone.id for zone in self.cluster.zones} == zones == {zone.id for zone in left}, "it left %s" % ", ".join(map(str, left))
