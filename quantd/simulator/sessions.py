"""Markets with trading sessions: when a symbol is traded, and the answer of GET /fapi/v1/tradingSchedule."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct

from quantd.simulator.steps import Span

KIND = "TRADIFI_PERPETUAL"
MINUTE_MS = 60_000
DAY_MS = 86_400_000
AHEAD_MS = 7 * DAY_MS


class Sessions(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A market that is `open` and then `closed` for fixed times, repeated since 1970. Both are whole minutes, so that each block of the
    tape is either open or closed."""

    market: Literal["EQUITY", "COMMODITY", "KR_EQUITY", "HK_EQUITY", "CN_EQUITY", "FX"] = "EQUITY"
    open: Span
    closed: Span

    def __post_init__(self) -> None:
        if any(span.ms < MINUTE_MS or span.ms % MINUTE_MS for span in (self.open, self.closed)):
            raise ValueError("'open' and 'closed' are whole minutes, at least one")

    @property
    def period(self) -> int:
        """The time (ms) from one opening to the next."""
        return self.open.ms + self.closed.ms

    def opened(self, time_ms: int) -> int:
        """Return for how many ms the market was open before a time."""
        rounds, inside = divmod(time_ms, self.period)
        return rounds * self.open.ms + min(inside, self.open.ms)

    def after(self, opened_ms: int) -> int:
        """Return the time at which the market, still open, had been open for `opened_ms` in total."""
        rounds, inside = divmod(opened_ms, self.open.ms)
        return rounds * self.period + inside

    def within(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """Yield the sessions that overlap start <= T < stop."""
        for since in range(start // self.period * self.period, stop, self.period):
            change, until = since + self.open.ms, since + self.period
            if change > start:
                yield {"startTime": since, "endTime": change, "type": "REGULAR"}
            if until > start and change < stop:
                yield {"startTime": change, "endTime": until, "type": "NO_TRADING"}


def trading_schedule(each: Iterable[Sessions | None], now: int) -> str:
    """Return the schedule from the day before `now` to a week ahead, with one entry for each market that has symbols."""
    start = now // DAY_MS * DAY_MS - DAY_MS
    markets = {found.market: {"sessions": list(found.within(start, now + AHEAD_MS))} for found in each if found}
    return json.dumps({"updateTime": now, "marketSchedules": markets}, separators=(",", ":"))
