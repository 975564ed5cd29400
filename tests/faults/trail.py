"""Where a character must be: the sum of its acknowledged steps, of which a fault may take back at most those of the last second."""

import itertools
from collections import deque
from dataclasses import dataclass

Place = tuple[float, float, int]

#: Positions are saved every second. The rest is the time that a save and the answers to the steps take on their ways on a busy machine.
FALLBACK_SECONDS_MAX = 1.0 + 0.5

#: Steps are kept so long: more than enough for those who seldom ask where they are to find out what was taken back.
_KEPT_SECONDS = 30.0

#: Bots go by eighths of a tile, so that sums are exact; this is for what the server adds.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class _Step:
    at: float
    offset: tuple[float, float]
    place: Place


class Astray(Exception):
    """The character is where no acknowledged step can have led it, or too much was taken back."""


class Trail:
    """The steps of one character, by the times of their answers."""

    def __init__(self, place: Place, at: float):
        self.place = place
        self._steps: deque[_Step] = deque([_Step(at, (0.0, 0.0), place)])
        #: Those that were under way when the connection broke, in their order: some of the first of them were taken.
        self._unanswered: list[tuple[float, float]] = []

    def stepped(self, offset: tuple[float, float], place: Place, at: float) -> None:
        """A step was acknowledged; it leads to its end, or to where a warp leads."""
        self.place = place
        self._steps.append(_Step(at, offset, place))
        while at - self._steps[0].at > _KEPT_SECONDS:
            self._steps.popleft()

    def lost(self, offset: tuple[float, float]) -> None:
        """Nobody knows whether this step was taken."""
        self._unanswered.append(offset)

    def judge(self, actual: Place, at: float) -> float | None:
        """Compares with where the server has the character, and goes on from there. Returns how many seconds of steps were taken back; None: no step.

        Raises `Astray`.
        """
        unanswered, self._unanswered = self._unanswered, []
        steps, wanted = list(self._steps), self.place
        self.place = actual
        self._steps = deque([_Step(at, (0.0, 0.0), actual)])
        offsets = [(0.0, 0.0), *itertools.accumulate(unanswered, _plus)]
        if any(_is_at(_moved(wanted, offset), actual) for offset in offsets):
            if _is_at(wanted, actual):
                self._steps = deque(steps)
            return None
        taken_back = [seconds for offset in offsets for seconds in _fallbacks(steps, _moved(actual, (-offset[0], -offset[1])))]
        seconds = min(taken_back, default=None)
        if seconds is None:
            raise Astray("at %r instead of %r, where no step can have led; the last ones: %r" % (actual, wanted, _shown(steps, at)))
        if seconds > FALLBACK_SECONDS_MAX:
            text = "at %r instead of %r: %.1f s of acknowledged steps were taken back, of these: %r"
            raise Astray(text % (actual, wanted, seconds, _shown(steps, at)))
        return seconds


def _fallbacks(steps: list[_Step], actual: Place):
    """Seconds for each way in which the last steps before a moment were taken back, and those after it taken from where that led."""
    after: tuple[float, float] = (0.0, 0.0)
    for last in range(len(steps) - 1, 0, -1):
        for kept in range(last - 1, -1, -1):
            seconds = steps[last].at - steps[kept + 1].at
            if seconds > _KEPT_SECONDS:
                break
            if _is_at(_moved(steps[kept].place, after), actual):
                yield seconds
                break
        after = _plus(after, steps[last].offset)


def _plus(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return (one[0] + other[0], one[1] + other[1])


def _moved(place: Place, offset: tuple[float, float]) -> Place:
    return (place[0] + offset[0], place[1] + offset[1], place[2])


def _is_at(one: Place, other: Place) -> bool:
    return one[2] == other[2] and abs(one[0] - other[0]) < _ROUNDING and abs(one[1] - other[1]) < _ROUNDING


def _shown(steps: list[_Step], at: float) -> list[tuple[float, Place]]:
    return [(round(step.at - at, 3), step.place) for step in steps[-24:]]
