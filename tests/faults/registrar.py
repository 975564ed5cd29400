"""Makes accounts all the time, so that some are under way whenever something happens."""

import asyncio
import random

from .client import Client, Lost
from .game import Game

_PAUSE_SECONDS = 0.4


async def register(game: Game, chance: random.Random) -> None:
    """One visitor after another: a new account, a change, a login as one made before, and gone again. Until it is cancelled."""
    number = 0
    while True:
        await game.may_play.wait()
        await asyncio.sleep(_PAUSE_SECONDS * chance.uniform(0.5, 1.5))
        running = [gateway for gateway in game.cluster.gateways if gateway.is_running()]
        if not running:
            continue
        number += 1
        try:
            client = await Client.open(chance.choice(running).address)
        except Lost:
            continue
        try:
            await _visit(game, client, "Visitor %d" % number)
            if game.ledger.made:
                await _come_back(game, client, chance.choice(game.ledger.made))
        except Lost:
            pass
        finally:
            client.close()


async def _visit(game: Game, client: Client, name: str) -> None:
    ledger = game.ledger
    try:
        is_made = await client.ask("new", name, "secret")
    except Lost:
        ledger.perhaps.append(name)
        raise
    if not is_made:
        ledger.refused.append(name)
        return
    ledger.made.append(name)
    ledger.acknowledged_count += 1
    value = ledger.value(name, "visits")
    try:
        is_set = await client.ask("set", name, "visits", 1)
    except Lost:
        value.unknown.append(1)
        raise
    if is_set is True:
        value.acknowledged = 1
        ledger.acknowledged_count += 1
    else:
        game.verdict.against("refused", "%s is answered %r to a value of its own" % (name, is_set))


async def _come_back(game: Game, client: Client, name: str) -> None:
    """What was acknowledged to an earlier visitor is there. Nothing unknown is judged here: it may still be on its way."""
    if await client.ask("login", name, "secret") is not True:
        game.verdict.against("login", "%s is refused" % name)
        return
    value = game.ledger.value(name, "visits")
    found = await client.ask("get", name, "visits")
    if found != value.acknowledged and found not in value.unknown:
        game.verdict.against("lost", "visits of %s is %r instead of %r" % (name, found, value.acknowledged))
