"""A bot: a character that walks, counts, trades and looks for as long as it is let, and comes back when its gateway dies."""

import asyncio
import enum
import random

from harness.cluster import Gateway

from . import acts
from .acts import Act
from .client import Client, Lost
from .game import Game
from .ledger import Ledger
from .tour import Tour, step_towards
from .trail import Trail
from .verdict import Verdict

#: Before a connection is tried again.
_RETRY_SECONDS = 0.1
#: How often a new connection is made for no reason, of all times that it asks for something.
_CHANGE_CHANCE = 0.003
#: So long after it was put back, steps may lead out of the world: its plans for them are no older.
_FORGIVEN_SECONDS = 10.0
#: The longest step along each axis, in tiles.
_STEP_TILES = 0.75


class Style(enum.Enum):
    """How one talks: requests in one write, seconds before their replies are read, seconds between two writes."""

    PLAIN = (1, 0.0, 0.04)
    PIPELINING = (12, 0.0, 0.1)
    SLOW = (6, 0.5, 0.1)
    #: As people do: many of them are no load.
    CALM = (1, 0.0, 0.4)


class Bot:
    """One character and its connection."""

    def __init__(self, game: Game, name: str, style: Style, tour: Tour, seed: int):
        self.game, self.name, self.style, self.tour = game, name, style, tour
        self.chance = random.Random(seed)
        #: With whom it trades.
        self.partner = name
        #: The gold in its hand goes back into its own purse.
        self.takes_back = False
        #: When it last found that steps were taken back.
        self._put_back_at = -_FORGIVEN_SECONDS
        #: Steps that were refused since it last knew for certain where it is.
        self.refused_steps: list[str] = []
        self.trail = Trail(game.plain.start, 0.0)
        self._client: Client | None = None
        self._gateway = game.cluster.gateways[seed % len(game.cluster.gateways)]
        self._is_new = True
        self._is_busy = False
        # -- for the measurement of pauses
        self._answered_at = self._watched_at = 0.0
        self.longest_silence = 0.0
        #: The longest that an answer has taken since then.
        self.longest_wait = 0.0
        #: When the last move and the last change that were acknowledged had been asked for.
        self.moved_since = self.changed_since = 0.0

    @property
    def ledger(self) -> Ledger:
        return self.game.ledger

    @property
    def verdict(self) -> Verdict:
        return self.game.verdict

    @property
    def gateway_name(self) -> str:
        """Of the gateway that it is or was connected to."""
        return self._gateway.name

    @property
    def is_brisk(self) -> bool:
        """Whether all that it ever waits for is an answer."""
        return self.style is not Style.SLOW

    @property
    def is_quiet(self) -> bool:
        """Whether it is logged in, and nothing that it asked is unanswered."""
        return self._client is not None and not self._is_busy

    async def live(self) -> None:
        """Plays until it is cancelled."""
        while True:
            try:
                await self._enter(self._gateway if self._is_new else self._any_gateway())
                while True:
                    await self.game.may_play.wait()
                    self._is_busy = True
                    if self.chance.random() < _CHANGE_CHANCE:
                        await self._change()
                    await self.do(self._batch())
                    self._is_busy = False
                    await asyncio.sleep(self.style.value[2] * self.chance.uniform(0.5, 1.5))
            except Lost as error:
                self._broke(error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _any_gateway(self) -> Gateway:
        running = [gateway for gateway in self.game.cluster.gateways if gateway.is_running()]
        if not running:
            raise Lost("no gateway runs")
        return self.chance.choice(running)

    async def _change(self) -> None:
        """Logs in by another connection, perhaps at another gateway. It takes over; the older one is closed by its gateway."""
        older, self._client = self._client, None
        try:
            await self._enter(self._any_gateway())
        finally:
            if older is not None:
                older.close()

    async def _enter(self, gateway: Gateway) -> None:
        """Connects and logs in."""
        self._gateway = gateway
        client = await Client.open(gateway.address)
        is_granted = await client.ask("new" if self._is_new else "login", self.name, "secret")
        if is_granted is not True:
            client.close()
            self.verdict.against("login", "%s is refused: %r" % (self.name, is_granted))
            raise Lost("refused")
        if self._is_new:
            self.ledger.number(self.name, "gold").acknowledged = self.game.plain.gold
        self._client, self._is_new = client, False
        await self.do([acts.Where()])

    def _broke(self, error: Lost) -> None:
        if self._client is not None:
            self._client.close()
            if not self.game.may_lose(self._gateway):
                self.verdict.against("tcp", "%s lost its connection to %s: %s" % (self.name, self._gateway, error))
        self._client, self._is_busy = None, False

    async def do(self, batch: list[Act]) -> None:
        """Asks for all of it in one write, and hears every answer."""
        if self._client is None:
            raise Lost("not connected")
        waiting = list(batch)
        sent_at = self.game.now()
        try:
            self._client.send([act.request(self) for act in batch])
            await asyncio.sleep(self.style.value[1])
            for act in batch:
                result = await self._client.reply()
                waiting.pop(0)
                self.longest_wait = max(self.longest_wait, self.game.now() - max(sent_at + self.style.value[1], self._watched_at))
                act.answered(self, result, self.game.now())
                self._note(act, result, sent_at)
        except Lost:
            for act in waiting:
                act.lost(self)
            raise

    async def ask(self, *request) -> object:
        """One question that no answer counts for."""
        if self._client is None:
            raise Lost("not connected")
        return await self._client.ask(*request)

    def judge_place(self, place: object) -> None:
        """Compares where the server has the character with where its steps led."""
        acts.Where().answered(self, place, self.game.now())

    def judge_refused_steps(self, was_put_back: bool) -> None:
        """Where it is has become known: was there a reason to refuse steps? What was planned before one was put back may lead out of the world."""
        now = self.game.now()
        if was_put_back:
            self._put_back_at = now
        if now > self._put_back_at + _FORGIVEN_SECONDS:
            for text in self.refused_steps:
                self.verdict.against("refused", "%s is answered %s" % (self.name, text))
        self.refused_steps.clear()

    def _note(self, act: Act, result: object, sent_at: float) -> None:
        """Keeps the time of whatever changed something."""
        if result is not True:
            return
        now = self.game.now()
        self.ledger.acknowledged_count += 1
        if isinstance(act, acts.Move):
            self.moved_since = sent_at
        else:
            self.changed_since = sent_at
        self.longest_silence = max(self.longest_silence, now - self._answered_at)
        self._answered_at = now

    def watch(self, since: float) -> None:
        """Begins to measure how long nothing is acknowledged, and how long answers take."""
        self._answered_at, self.longest_silence = since, 0.0
        self._watched_at, self.longest_wait = since, 0.0

    def has_played_on(self, since: float) -> bool:
        """Whether a move and a change that were asked for after a moment have been acknowledged."""
        return min(self.moved_since, self.changed_since) > since

    def is_granted(self, result: object, what: str) -> bool:
        """Whether something was done that there is no reason to refuse."""
        if result is not True:
            self.verdict.against("refused", "%s is answered %r to %s" % (self.name, result, what))
        return result is True

    # -- what it wants

    def _batch(self) -> list[Act]:
        batch: list[Act] = [acts.Where()] if self.refused_steps else []
        x, y, _ = self.trail.place
        for _ in range(self.style.value[0]):
            if self.chance.random() < 0.4:
                goal = self.tour.goal_for(self.name, (x, y), self.game.now())
                offset = step_towards((x, y), goal, _STEP_TILES)
                x, y = x + offset[0], y + offset[1]
                if (int(x), int(y)) in self.game.plain.warps:
                    batch.append(acts.Where())
                batch.append(acts.Move(offset))
            else:
                batch.append(self._other_act(batch))
        return batch

    def _other_act(self, batch: list[Act]) -> Act:
        # One trade at a time: what is in the hand is known when the answer is.
        is_trading = any(isinstance(act, (acts.Take, acts.Give)) for act in batch)
        if not is_trading and self.ledger.in_hand[self.name]:
            to = self.name if self.takes_back else self.partner
            self.takes_back = False
            return acts.Give(to)
        if not is_trading and self.chance.random() < 0.2 and self._can_spare(5):
            return acts.Take(self.chance.randint(1, 5))
        choices: list[Act] = [acts.Count(), acts.Count(), acts.Note(), acts.Post(self.partner)]
        choices += [acts.Where(), acts.ReadBack(), acts.ReadOther(self.partner), acts.Look()]
        if self.style is Style.CALM:
            # It asks little; what a fault took back it finds out soon all the same.
            choices += [acts.Where()] * 3
        return self.chance.choice(choices)

    def _can_spare(self, gold: int) -> bool:
        number = self.ledger.number(self.name, "gold")
        return number.acknowledged + sum(step for step in number.unknown if step < 0) >= gold
