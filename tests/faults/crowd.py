"""Who plays: bots in pairs, in which two of different styles may meet."""

import random
from collections.abc import Sequence

from .bot import Bot, Style
from .game import Game
from .tour import Tour

#: Most are plain, and all are impatient.
STYLES = [Style.PLAIN] * 5 + [Style.PIPELINING] * 2 + [Style.SLOW]


def crowd(game: Game, count: int, chance: random.Random, styles: Sequence[Style]) -> list[Bot]:
    """So many bots of these styles, one after the other."""
    bots: list[Bot] = []
    for number in range(count):
        tour = bots[-1].tour if number % 2 else Tour(game.plain, random.Random(chance.random()))
        bots.append(Bot(game, "Bot %d" % number, styles[number % len(styles)], tour, chance.randrange(1 << 32)))
    for number, bot in enumerate(bots):
        bot.partner = bots[(number ^ 1) % count].name
    return bots
