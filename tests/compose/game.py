"""Those who play on a stack."""

from dataclasses import dataclass, field

from faults.bot import Bot
from faults.game import Game


@dataclass
class ComposeGame(Game):
    bots: list[Bot] = field(default_factory=list)

    def longest_wait(self) -> float:
        """The longest that any request has taken since the present round began, in seconds."""
        return max(bot.longest_wait for bot in self.bots)
