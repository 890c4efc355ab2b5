"""What a feed must do, as far as it shows without a network."""

import asyncio
import inspect
from typing import get_args

from quantd.plugin.base import Extra, Feed, FeedHealth, Progress
from quantd.timeframes import duration

SYMBOL = "BTCUSDT"
_ASKED: dict[str, tuple[object, ...]] = {
    "fetch_symbols": (),
    "fetch_ticks": (SYMBOL, 0, 1),
    "fetch_ids": (SYMBOL, 1, 2),
    "fetch_day": (SYMBOL, 0, 1, 2),
    "fetch_bars": (SYMBOL, "1m", 0, 1),
    "want": ((SYMBOL,), {}),
    "health": (),
    "progress": (),
    "close": (),
}
"""What each method that a feed may have is called with."""
_NEEDED = {"fetch_ids": "fetch_ticks", "fetch_bars": "fetch_ticks", "fetch_day": "fetch_ids"}
"""Without the second, the first is never asked."""
_WITHOUT_WAITING = ("fetch_day", "want", "health", "progress")


def streams_by_yielding(cls: type[Feed]) -> None:
    assert not inspect.iscoroutinefunction(cls.stream), "`stream` is a coroutine: an `async def` that yields is what is asked for"


def waits_only_where_it_is_awaited(cls: type[Feed]) -> None:
    for name in _overridden(cls):
        method = getattr(cls, name)
        if name in _WITHOUT_WAITING:
            what = "an `async def` that yields" if name == "fetch_day" else "a plain `def`"
            assert not inspect.iscoroutinefunction(method), f"`{name}` is a coroutine: {what} is what is asked for"
            assert name == "fetch_day" or not inspect.isasyncgenfunction(method), f"`{name}` yields: {what} is what is asked for"
        else:
            assert inspect.iscoroutinefunction(method), f"`{name}` is no coroutine: an `async def` that returns is what is asked for"


def takes_what_it_is_given(cls: type[Feed]) -> None:
    for name in _overridden(cls):
        signature = inspect.signature(getattr(cls, name))
        try:
            signature.bind(cls, *_ASKED[name])
        except TypeError as error:
            expected = inspect.signature(getattr(Feed, name))
            raise AssertionError(f"`{name}{signature}` cannot be called as `{name}{expected}`: {error}") from None


def tells_what_the_rest_of_its_past_needs(cls: type[Feed]) -> None:
    told = _overridden(cls)
    for name, needed in _NEEDED.items():
        assert name not in told or needed in told, f"`{name}` is never asked without `{needed}`: have that too, or neither"


def declares_what_it_has(cls: type[Feed]) -> None:
    assert type(cls.reach) is int, f"`reach` is {cls.reach!r}: a number of milliseconds is what is asked for"
    assert cls.reach > 0, f"`reach` is {cls.reach}: leave `fetch_ids` out where it tells nothing"
    assert isinstance(cls.brings, frozenset), f"`brings` is {cls.brings!r}: a frozenset is what is asked for"
    known = get_args(Extra)
    assert cls.brings <= set(known), f"`brings` names {sorted(cls.brings - set(known))}: there are {', '.join(known)}"


def lateness_is_a_duration(feed: Feed) -> None:
    duration(feed.lateness)


def tells_its_progress_before_it_starts(feed: Feed) -> None:
    progress = feed.progress()
    assert progress is None or isinstance(progress, Progress), f"`progress` answers {progress!r}"


def tells_its_health_before_it_starts(feed: Feed) -> None:
    health = feed.health()
    assert isinstance(health, FeedHealth), f"`health` answers {health!r}"


def is_told_what_is_wanted_before_it_starts(feed: Feed) -> None:
    feed.want((SYMBOL, "ETHUSDT"), {SYMBOL: feed.brings} if feed.brings else {})
    feed.want((), {})


def can_be_closed_before_it_starts(feed: Feed) -> None:
    asyncio.run(feed.close())


def _overridden(cls: type[Feed]) -> list[str]:
    return [name for name in _ASKED if getattr(cls, name) is not getattr(Feed, name)]


LOOKS = (
    streams_by_yielding,
    waits_only_where_it_is_awaited,
    takes_what_it_is_given,
    tells_what_the_rest_of_its_past_needs,
    declares_what_it_has,
)
CHECKS = (
    lateness_is_a_duration,
    tells_its_progress_before_it_starts,
    tells_its_health_before_it_starts,
    is_told_what_is_wanted_before_it_starts,
    can_be_closed_before_it_starts,
)
