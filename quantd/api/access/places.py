"""Counts what callers hold at a time: connections and sockets."""

from collections import Counter


class Places:
    """At most `most` places for each key."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.refused = 0
        """Number of times that there was no place."""
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._taken.total()

    def take(self, key: str | None) -> bool:
        """Take a place, and return whether there was one. Whoever has no key needs none."""
        if key is None:
            return True
        if self._taken[key] >= self.most:
            self.refused += 1
            return False
        self._taken[key] += 1
        return True

    def leave(self, key: str | None) -> None:
        """Give a place back."""
        if key is None:
            return
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]
