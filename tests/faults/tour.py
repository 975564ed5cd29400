"""The way that two bots go together: over borders, back and forth, and through warps."""

import math
import random

from harness.plain import Plain

#: How near both must be to the goal before they go on.
_ARRIVED_TILES = 3.0
#: Or how long one waits for the other.
_GOAL_SECONDS_MAX = 8.0
#: Goals keep so far from the world's edge, where a step could be refused.
_EDGE_TILES = 8.0
#: Beyond a border by so much: over it for certain, for ownership follows at two tiles.
_BEYOND_TILES = 3.0


class Tour:
    """One goal after another."""

    def __init__(self, plain: Plain, chance: random.Random):
        self._plain, self._chance = plain, chance
        self.goal = (plain.start[0], plain.start[1])
        #: Whether the goal is a warp, on whose very tile one has to step.
        self.is_warp = False
        self._until = 0.0
        self._places: dict[str, tuple[float, float]] = {}

    def goal_for(self, name: str, place: tuple[float, float], at: float) -> tuple[float, float]:
        """Where one of the two goes next, being there."""
        self._places[name] = place
        have_arrived = all(math.dist(other, self.goal) < _ARRIVED_TILES for other in self._places.values())
        if have_arrived or at > self._until:
            self._next(place)
            self._until = at + _GOAL_SECONDS_MAX
        return self.goal

    def _next(self, place: tuple[float, float]) -> None:
        way = self._chance.random()
        self.is_warp = way < 0.1
        if self.is_warp:
            x, y = min(self._plain.warps, key=lambda tile: math.dist(tile, place))
            self.goal = (x + 0.5, y + 0.5)
        elif way < 0.65:
            self.goal = self._across(place)
        else:
            reach = 2 * self._plain.cell
            self.goal = self._within(place[0] + self._chance.uniform(-reach, reach), place[1] + self._chance.uniform(-reach, reach))

    def _across(self, place: tuple[float, float]) -> tuple[float, float]:
        """Just beyond the nearest border, or a corner."""
        cell = self._plain.cell
        x, y = place
        column, row = round(x / cell) * cell, round(y / cell) * cell
        beyond_x = column + math.copysign(_BEYOND_TILES, column - x)
        beyond_y = row + math.copysign(_BEYOND_TILES, row - y)
        if self._chance.random() < 0.2:
            return self._within(beyond_x, beyond_y)
        return self._within(beyond_x, y) if abs(column - x) < abs(row - y) else self._within(x, beyond_y)

    def _within(self, x: float, y: float) -> tuple[float, float]:
        return (
            min(max(x, _EDGE_TILES), self._plain.width - _EDGE_TILES),
            min(max(y, _EDGE_TILES), self._plain.height - _EDGE_TILES),
        )


def step_towards(place: tuple[float, float], goal: tuple[float, float], longest: float) -> tuple[float, float]:
    """A step in eighths of a tile, no longer than that along each axis."""

    def part(offset: float) -> float:
        return round(max(min(offset, longest), -longest) * 8) / 8

    return (part(goal[0] - place[0]), part(goal[1] - place[1]))
