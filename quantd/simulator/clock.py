"""The exchange's clock: the one module of the simulator that reads the time."""

import time


class Clock:
    """Milliseconds UTC that start at `epoch` (default: the wall clock) and run with the monotonic clock, so that they never step back.

    >>> Clock(epoch=1_800_000_000_000).epoch
    1800000000000
    """

    def __init__(self, epoch: int | None = None) -> None:
        self.epoch = time.time_ns() // 1_000_000 if epoch is None else epoch
        self._started = time.monotonic_ns()

    def now_ms(self) -> int:
        return self.epoch + (time.monotonic_ns() - self._started) // 1_000_000
