"""The clock of a venue, and the trades that are refused because their time is impossible."""

import logging
from collections.abc import Callable
from typing import TypeVar

from quantd.clock import Clock, MarketClock
from quantd.model import Tick
from quantd.plugin.base import Feed
from quantd.timeframes import DAY

T = TypeVar("T")
TOLD_MS = 1_000
"""An offset (ms) of the host's clock is logged if it exceeds this, and differs by more than this from the last logged one."""
RIGHT_MS = 500
"""The host's clock counts as right again within this offset (ms)."""
QUIET_S = 60.0
_log = logging.getLogger("quantd.flow")


class VenueClock(MarketClock):
    """The time by the clock of the feed's venue. Logs when the host's clock is wrong. If the feed cannot report the time, the host's clock
    is used."""

    def __init__(self, name: str, feed: Feed, host: Clock) -> None:
        super().__init__(host, self._ask)
        self.name = name
        self._feed = feed
        self._said = 0
        self._failed = False

    def _ask(self) -> int | None:
        return self.told(self._feed.time, None)

    def told(self, ask: Callable[[], T], otherwise: T) -> T:
        """Ask the feed about itself. Return `otherwise` if it fails, which is logged once."""
        try:
            return ask()
        except Exception:
            if not self._failed:
                _log.exception("feed %s cannot tell how it is, or the time: this host's is taken", self.name)
            self._failed = True
            return otherwise

    def look(self) -> None:
        """Log the offset if it has changed by much since it was last logged."""
        offset = self.offset
        if offset is None:
            return
        if self._said and abs(offset) <= RIGHT_MS:
            self._said = 0
            _log.info("this host's clock is right again: %.1f s from that of %s", abs(offset) / 1000, self.name)
        elif abs(offset) > TOLD_MS and abs(offset - self._said) > TOLD_MS:
            self._said = offset
            side = "behind" if offset > 0 else "ahead of"
            text = "this host's clock is %.1f s %s that of %s: times are corrected by that; set it with NTP"
            _log.warning(text, abs(offset) / 1000, side, self.name)


class Refusals:
    """Counts trades whose time is impossible, and logs them at most once a minute."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.count = 0
        self._said = 0
        self._quiet_until = float("-inf")
        self._name = name
        self._clock = clock

    def add(self, tick: Tick) -> None:
        """Count a refused trade."""
        self.count += 1
        now = self._clock.monotonic()
        if now >= self._quiet_until:
            days = f"{(tick.ts - tick.recv) / DAY:+.1f} days from when it came"
            text = "feed %s: %d trades refused, e.g. id %d of %s: its time is %s: it is damaged, or this host's clock is wrong"
            _log.warning(text, self._name, self.count - self._said, tick.id, tick.symbol, days)
            self._said = self.count
            self._quiet_until = now + QUIET_S
