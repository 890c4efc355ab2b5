"""Counts the commands of a client."""


class Pace:
    """Admits `most` commands at once, and `per_s` a second for long."""

    def __init__(self, most: int, per_s: float, now: float) -> None:
        self._most = most
        self._per_s = per_s
        self._left = float(most)
        self._at = now

    def admits(self, now: float) -> bool:
        """Return whether there may be one more command at `now` seconds, and count it if so.

        >>> pace = Pace(2, 10.0, now=0.0)
        >>> [pace.admits(now) for now in (0.0, 0.0, 0.0, 0.1)]
        [True, True, False, True]
        """
        self._left = min(float(self._most), self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
