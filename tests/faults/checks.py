"""After a round, while nobody plays: the ledger against what `get` answers and against the rows in SQL."""

import asyncio

from harness.sql import Row

from .bot import Bot
from .client import Lost
from .game import Game

#: How long rows and regions may take to agree after the last request, in seconds.
_AGREED_SECONDS_MAX = 5.0


async def check(game: Game, bots: list[Bot]) -> None:
    """Writes into the round's verdict whatever is wrong, and goes on from what is there."""
    unknown = _gold_unknown(game)
    # The registrar may still be at work: what is made from now on is looked for after the next round.
    made, refused = list(game.ledger.made), list(game.ledger.refused)
    for bot in bots:
        try:
            await _ask(game, bot)
        except Lost as error:
            game.verdict.against("tcp", "%s lost its connection while it was asked: %s" % (bot.name, error))
    for bot, other in zip(bots, bots[1:] + bots[:1]):
        try:
            await _ask_other(game, bot, other)
        except Lost as error:
            game.verdict.against("tcp", "%s lost its connection while it was asked of %s: %s" % (bot.name, other.name, error))
    rows = await _agreed_rows(game, bots)
    for bot in bots:
        _check_row(game, bot, rows.get(bot.name.lower()))
    purses = [rows[bot.name.lower()].attributes.get("gold", 0) for bot in bots if bot.name.lower() in rows]
    _check_gold(game, sum(gold for gold in purses if isinstance(gold, int)) + sum(game.ledger.in_hand.values()), unknown)
    await _check_names(game, rows, made, refused)


async def _ask(game: Game, bot: Bot) -> None:
    """A bot asks for everything that is in the ledger of it."""
    ledger, verdict = game.ledger, game.verdict
    place = await bot.ask("get", bot.name, "pos")
    bot.judge_place(place)
    for attribute in ledger.attributes_of(bot.name):
        found = await bot.ask("get", bot.name, attribute)
        if (bot.name, attribute) in ledger.values:
            value = ledger.value(bot.name, attribute)
            wanted = value.acknowledged
            if not value.judge(found):
                verdict.against("lost", "%s of %s is %r instead of %r" % (attribute, bot.name, found, wanted))
            continue
        number = ledger.number(bot.name, attribute)
        text = "%s of %s is %r; acknowledged %d, unknown %r" % (attribute, bot.name, found, number.acknowledged, number.unknown)
        if found is not None and not isinstance(found, int):
            verdict.against("read", text)
            continue
        difference = number.judge(found or 0)
        if difference:
            verdict.against("lost" if difference < 0 else "doubled", text, abs(difference))


async def _ask_other(game: Game, bot: Bot, other: Bot) -> None:
    """What somebody else, perhaps at another gateway, is told of a bot."""
    for attribute in ("sum", "gold", "mail"):
        found, wanted = await bot.ask("get", other.name, attribute), game.ledger.number(other.name, attribute).acknowledged
        if (found or 0) != wanted:
            game.verdict.against("read", "%s of %s is %r for %s, and %r for itself" % (attribute, other.name, found, bot.name, wanted))


async def _agreed_rows(game: Game, bots: list[Bot]) -> dict[str, Row]:
    """The rows, once each is owned by whoever holds its region, or when that has taken too long."""
    end = game.now() + _AGREED_SECONDS_MAX
    while True:
        rows = await asyncio.to_thread(game.cluster.sql.entities)
        holders = await asyncio.to_thread(game.cluster.sql.holders)
        wrong = [bot.name for bot in bots if not _is_owned(rows.get(bot.name.lower()), holders)]
        if not wrong:
            return rows
        if game.now() > end:
            for name in wrong:
                row = rows.get(name.lower())
                holder = holders.get(row.region) if row else None
                game.verdict.against("owner", "%s: the region's holder is %r, the row is %r" % (name, holder, row))
            return rows
        await asyncio.sleep(0.1)


def _is_owned(row: Row | None, holders: dict[str, int | None]) -> bool:
    return row is not None and row.owner is not None and row.owner == holders.get(row.region)


def _check_row(game: Game, bot: Bot, row: Row | None) -> None:
    if row is None or row.is_gone or not row.is_present:
        game.verdict.against("lost", "the row of %s, who plays, is %r" % (bot.name, row))
        return
    for attribute in game.ledger.attributes_of(bot.name):
        if (bot.name, attribute) in game.ledger.values:
            wanted, found = game.ledger.value(bot.name, attribute).acknowledged, row.attributes.get(attribute)
        else:
            wanted, found = game.ledger.number(bot.name, attribute).acknowledged, row.attributes.get(attribute, 0)
        if found != wanted:
            game.verdict.against("lost", "%s of %s is %r in SQL instead of %r" % (attribute, bot.name, found, wanted))


def _gold_unknown(game: Game) -> int:
    """How much gold may have got lost with connections: taken or not, it is in nobody's hand; or it was in one, and was given or not."""
    return sum(abs(step) for (_, attribute), number in game.ledger.numbers.items() if attribute == "gold" for step in number.unknown)


def _check_gold(game: Game, total: int, unknown: int) -> None:
    """Gold in all purses and hands, against the round before."""
    if not game.gold_total - unknown <= total <= game.gold_total:
        game.verdict.against("gold", "%d in all, %d before, %d unknown" % (total, game.gold_total, unknown))
    game.gold_total = total


async def _check_names(game: Game, rows: dict[str, Row], made: list[str], refused: list[str]) -> None:
    """Accounts that were made are there, and those that were refused are not."""
    accounts = set(await asyncio.to_thread(game.cluster.sql.column, "SELECT key FROM accounts"))
    for name in made:
        if name.lower() not in accounts or name.lower() not in rows:
            game.verdict.against("lost", "the account %s" % name)
    for name in refused:
        if name.lower() in accounts:
            game.verdict.against("refused", "the account %s is there, and its `new` was answered False" % name)
