"""A round: bots play, something happens, they play on, and then everything is compared."""

import asyncio
import random
import re
from collections.abc import Callable

from harness.process import Program

from .bot import Bot
from .checks import check
from .game import Game
from .kinds import Fault
from .report import Round
from .verdict import Verdict
from .writes import take_zombies

#: How long bots play before something happens, in seconds.
_BEFORE_SECONDS = (0.3, 1.2)
#: Whoever has not played on after so long has not been resumed.
RESUMED_SECONDS_MAX = 30.0
#: Whoever has not been answered after so long is stuck.
_QUIET_SECONDS_MAX = 20.0


class Rounds:
    """Plays rounds on a cluster that runs, with bots that live."""

    def __init__(self, game: Game, bots: list[Bot], is_witnessed: bool = True):
        self._game, self._bots = game, bots
        #: Whether the database has a witness of all writes: `writes`.
        self._is_witnessed = is_witnessed
        #: How far each log has been looked through.
        self._read: dict[Program, int] = {}
        self._count = 0

    async def begin(self) -> None:
        """Waits until every bot plays."""
        await self._until_resumed(0.0)
        assert self._game.verdict.is_clean(), "before anything happened: " + "\n".join(self._game.verdict.texts)

    async def play(self, kind: type[Fault], chance: random.Random) -> Round:
        """One round."""
        game = self._game
        self._count += 1
        game.verdict, begin, before = Verdict(), game.now(), game.ledger.acknowledged_count
        game.dying.clear()
        game.leaving.clear()
        fault = kind(game, chance)
        game.may_play.set()
        await asyncio.sleep(chance.uniform(*_BEFORE_SECONDS))
        gateways = {bot: bot.gateway_name for bot in self._bots}
        owners = await self._owners() if fault.leaves_in_order else {}
        game.struck_at = since = game.now()
        for bot in self._bots:
            bot.watch(since)
        await self._guard("strike", fault.strike())
        # Whom the dead had stays in the rows for a while; nobody can have gone to them or away since.
        owners = owners or await self._owners()
        lasting = asyncio.ensure_future(self._guard("last", fault.last()))
        await self._until_resumed(since)
        if not lasting.done():
            await lasting
            await self._until_resumed(game.now())
        pauses = [bot.longest_silence for bot in self._bots if bot.is_brisk and fault.affects(owners.get(bot.name.lower()), gateways[bot])]
        await self._guard("heal", fault.heal())
        await self._until_resumed(game.now())
        await self._be_quiet()
        await check(game, self._bots)
        if self._is_witnessed:
            for zombie in await asyncio.to_thread(take_zombies, game.cluster.sql):
                game.verdict.against("zombie", zombie)
        self._look_through_logs(re.compile(fault.expected_errors))
        acknowledged_count = game.ledger.acknowledged_count - before
        longest_wait = max(bot.longest_wait for bot in self._bots)
        return Round(self._count, kind.name, fault.victim, acknowledged_count, game.now() - begin, pauses, game.verdict, longest_wait)

    async def _owners(self) -> dict[str, str]:
        """The zone server that each character's row names, by its name."""
        cluster = self._game.cluster
        query = "SELECT key, address FROM entities JOIN zone_servers ON owner = incarnation"
        try:
            rows = await asyncio.to_thread(cluster.sql.rows, query)
        except AssertionError as error:
            self._game.verdict.against("process", str(error))
            return {}
        names = {zone.url: zone.name for zone in cluster.zones}
        return {row["key"]: names[row["address"]] for row in rows if row["address"] in names}

    async def _guard(self, what: str, doing) -> None:
        """What the harness does to the cluster may fail too: a process that does not end or start is a finding."""
        try:
            await doing
        except AssertionError as error:
            self._game.verdict.against("process", "%s: %s" % (what, error))

    async def _until_resumed(self, since: float) -> None:
        await self._wait_for(lambda bot: bot.has_played_on(since), RESUMED_SECONDS_MAX, "stuck", "has not played on")

    async def _be_quiet(self) -> None:
        self._game.may_play.clear()
        await self._wait_for(lambda bot: bot.is_quiet, _QUIET_SECONDS_MAX, "stuck", "is not answered")

    async def _wait_for(self, holds: Callable[[Bot], bool], seconds: float, kind: str, what: str) -> None:
        end = self._game.now() + seconds
        while waiting := [bot for bot in self._bots if not holds(bot)]:
            if self._game.now() > end:
                for bot in waiting:
                    self._game.verdict.against(kind, "%s %s within %g s, at %r by %s" % (bot.name, what, seconds, bot.trail.place, bot.gateway_name))
                return
            await asyncio.sleep(0.02)

    def _look_through_logs(self, expected: re.Pattern[str]) -> None:
        """Panics and errors. Warnings are what a cluster says when its parts die."""
        for program in self._game.cluster.programs:
            text = program.log_text()
            new = text[self._read.get(program, 0) :]
            self._read[program] = len(text)
            for line in new.splitlines():
                if "panicked at" in line:
                    self._game.verdict.against("panic", "%s: %s" % (program, line))
                elif '"level":"ERROR"' in line and not expected.search(line):
                    self._game.verdict.against("error", "%s: %s" % (program, line))
