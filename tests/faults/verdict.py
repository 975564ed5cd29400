"""What a round found against the cluster."""

from collections import Counter

#: A flood of one kind says no more than its beginning.
_TEXTS_PER_KIND_MAX = 5


class Verdict:
    """Counts by kind, and the first words of each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.texts: list[str] = []
        #: The most seconds of steps that a character was put back by.
        self.fallback_seconds = 0.0

    def against(self, kind: str, text: str, count: int = 1) -> None:
        """Something that must not be."""
        self.counts[kind] += count
        if sum(one.startswith(kind + ": ") for one in self.texts) < _TEXTS_PER_KIND_MAX:
            self.texts.append("%s: %s" % (kind, text))

    def is_clean(self) -> bool:
        return not self.counts
