"""What a bot asks for, and what each answer, or none, means for the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .trail import Astray

if TYPE_CHECKING:
    from .bot import Bot


class Act(Protocol):
    """One request. It is told of its answer, or that its connection broke before it."""

    def request(self, bot: Bot) -> list: ...

    def answered(self, bot: Bot, result: object, at: float) -> None: ...

    def lost(self, bot: Bot) -> None: ...


class _Read:
    """Nothing is changed by it."""

    def lost(self, bot: Bot) -> None:
        pass


class Move:
    """A step. The ground is open and the world lets bots walk much faster than they do: it is never refused, but to those whom a fault has put back
    to where it leads out of the world."""

    def __init__(self, offset: tuple[float, float]):
        self._offset = offset

    def request(self, bot: Bot) -> list:
        return ["move", (*self._offset, 0)]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        place = bot.trail.place
        if result is not True:
            bot.refused_steps.append("%r to the step %r at %r" % (result, self._offset, place))
            return
        there = (place[0] + self._offset[0], place[1] + self._offset[1], place[2])
        bot.trail.stepped(self._offset, bot.game.plain.warps.get((int(there[0]), int(there[1])), there), at)

    def lost(self, bot: Bot) -> None:
        bot.trail.lost(self._offset)


class Count:
    """One more on one's own sum."""

    def request(self, bot: Bot) -> list:
        return ["set", bot.name, "sum", (1,)]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if bot.is_granted(result, "a step of its own sum"):
            bot.ledger.number(bot.name, "sum").acknowledged += 1

    def lost(self, bot: Bot) -> None:
        bot.ledger.number(bot.name, "sum").unknown.append(1)


class Note:
    """Another value of one's own."""

    def request(self, bot: Bot) -> list:
        self._value = bot.chance.randrange(1 << 30)
        return ["set", bot.name, "note", self._value]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if bot.is_granted(result, "a note of its own"):
            bot.ledger.value(bot.name, "note").acknowledged = self._value

    def lost(self, bot: Bot) -> None:
        bot.ledger.value(bot.name, "note").unknown.append(self._value)


class Post:
    """One more in somebody else's mail. It is refused to those who are too far away."""

    def __init__(self, to: str):
        self._to = to

    def request(self, bot: Bot) -> list:
        return ["set", self._to, "mail", (1,)]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if result is True:
            bot.ledger.number(self._to, "mail").acknowledged += 1

    def lost(self, bot: Bot) -> None:
        bot.ledger.number(self._to, "mail").unknown.append(1)


class Take:
    """Gold out of one's own purse, into the hand."""

    def __init__(self, gold: int):
        self._gold = gold

    def request(self, bot: Bot) -> list:
        return ["set", bot.name, "gold", (-self._gold,)]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if bot.is_granted(result, "to take %d gold of its own" % self._gold):
            bot.ledger.number(bot.name, "gold").acknowledged -= self._gold
            bot.ledger.in_hand[bot.name] += self._gold

    def lost(self, bot: Bot) -> None:
        # Taken or not, it is not in the hand: one who was never told does not give.
        bot.ledger.number(bot.name, "gold").unknown.append(-self._gold)


class Give:
    """Everything in the hand into a purse: another's, which is refused to those who are too far away, or one's own."""

    def __init__(self, to: str):
        self._to = to

    def request(self, bot: Bot) -> list:
        self._gold = bot.ledger.in_hand[bot.name]
        return ["set", self._to, "gold", (self._gold,)]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if result is True:
            bot.ledger.number(self._to, "gold").acknowledged += self._gold
            bot.ledger.in_hand[bot.name] -= self._gold
        elif self._to == bot.name:
            bot.is_granted(result, "to put its own gold back")
        else:
            bot.takes_back = True

    def lost(self, bot: Bot) -> None:
        bot.ledger.number(self._to, "gold").unknown.append(self._gold)
        bot.ledger.in_hand[bot.name] -= self._gold


class Where(_Read):
    """Where one is: exactly where one's steps led, but for what a fault may take back."""

    def request(self, bot: Bot) -> list:
        return ["get", bot.name, "pos"]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if not isinstance(result, tuple):
            bot.verdict.against("read", "%s has the position %r" % (bot.name, result))
            return
        try:
            seconds = bot.trail.judge(result, at)
        except Astray as error:
            since = at - bot.game.struck_at
            bot.verdict.against("position", "%s, %s, %.3f s after the fault: %s" % (bot.name, bot.style.name.lower(), since, error))
            return
        bot.verdict.fallback_seconds = max(bot.verdict.fallback_seconds, seconds or 0.0)
        bot.judge_refused_steps(was_put_back=seconds is not None)


class ReadBack(_Read):
    """One's own sum: exactly what was acknowledged, at any time."""

    def request(self, bot: Bot) -> list:
        return ["get", bot.name, "sum"]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        number = bot.ledger.number(bot.name, "sum")
        if not number.unknown and (result or 0) != number.acknowledged:
            bot.verdict.against("read", "%s has the sum %r instead of %d" % (bot.name, result, number.acknowledged))


class ReadOther(_Read):
    """Somebody else's sum: no less than was acknowledged to its owner before one asked."""

    def __init__(self, other: str):
        self._other = other

    def request(self, bot: Bot) -> list:
        self._least = bot.ledger.number(self._other, "sum").acknowledged
        return ["get", self._other, "sum"]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if result is None and bot.game.leaving:
            return
        found = result or 0
        if not isinstance(found, int) or found < self._least:
            bot.verdict.against("read", "%s reads of %s the sum %r, which was %d before" % (bot.name, self._other, result, self._least))


class Look(_Read):
    """Everybody in view is there once, oneself among them."""

    def request(self, bot: Bot) -> list:
        return ["update"]

    def answered(self, bot: Bot, result: object, at: float) -> None:
        if not isinstance(result, list):
            bot.verdict.against("view", "%s sees %r" % (bot.name, result))
            return
        names = [entity["name"] for entity in result]
        for name in {name for name in names if names.count(name) > 1}:
            bot.verdict.against("view", "%s sees %s %d times" % (bot.name, name, names.count(name)))
        if bot.name not in names:
            bot.verdict.against("view", "%s does not see itself at %r, only %r" % (bot.name, bot.trail.place, names))
