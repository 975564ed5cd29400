"""What was acknowledged: names that were made, numbers that were changed by steps, values that were set. It judges what is found later."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Number:
    """A number that is only ever changed by steps."""

    #: What it must be at least for what was answered True.
    acknowledged: int = 0
    #: Steps whose answers were lost with a connection: each was taken once or not at all.
    unknown: list[int] = field(default_factory=list)

    def judge(self, actual: int) -> int:
        """How much is missing (below 0) or too much (above 0), and goes on from what is there."""
        sums = {0}
        for step in self.unknown:
            sums |= {one + step for one in sums}
        difference = actual - self.acknowledged
        self.acknowledged, self.unknown = actual, []
        if difference in sums:
            return 0
        return difference - (max(sums) if difference > max(sums) else min(sums))


@dataclass
class Value:
    """A value that is set anew again and again."""

    acknowledged: object = None
    #: What was sent and never answered.
    unknown: list[object] = field(default_factory=list)

    def judge(self, actual: object) -> bool:
        """Whether it is what it must be; goes on from what is there."""
        is_right = actual == self.acknowledged or actual in self.unknown
        self.acknowledged, self.unknown = actual, []
        return is_right


class Ledger:
    """All bots write into one."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str], Number] = {}
        self.values: dict[tuple[str, str], Value] = {}
        #: Accounts whose `new` was answered True, False, or not at all.
        self.made: list[str] = []
        self.refused: list[str] = []
        self.perhaps: list[str] = []
        #: Gold that was taken from one and not yet given to the other.
        self.in_hand: Counter[str] = Counter()
        #: Acknowledged requests in all: `new`, `set`, `move`.
        self.acknowledged_count = 0

    def number(self, name: str, attribute: str) -> Number:
        return self.numbers.setdefault((name, attribute), Number())

    def value(self, name: str, attribute: str) -> Value:
        return self.values.setdefault((name, attribute), Value())

    def attributes_of(self, name: str) -> list[str]:
        """Everything of a character that is in the ledger."""
        return [attribute for owner, attribute in [*self.numbers, *self.values] if owner == name]
