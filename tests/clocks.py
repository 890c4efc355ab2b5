"""A host's clock that a test sets."""


class HostClock:
    """`now` may be set to anything; `monotonic` goes on all the same."""

    def __init__(self, now: int = 1_000_000_000) -> None:
        self.wall = now
        self._passed = 0.0

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self._passed

    def go_on(self, seconds: float) -> None:
        """Time passes by both."""
        self.wall += round(seconds * 1000)
        self._passed += seconds
