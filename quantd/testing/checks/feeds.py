"""The checks of feeds that need no network."""

import asyncio

from quantd.plugin.base import Feed
from quantd.plugin.feed_health import FeedHealth, Progress
from quantd.timeframes import duration

SYMBOL = "BTCUSDT"
_NEEDED = {"fetch_ids": "fetch_ticks", "fetch_bars": "fetch_ticks", "fetch_day": "fetch_ids"}
"""Mapping of methods to the method without which they are never called."""


def tells_what_the_rest_of_its_past_needs(cls: type[Feed]) -> None:
    told = {name for name in (*_NEEDED, *_NEEDED.values()) if getattr(cls, name) is not getattr(Feed, name)}
    for name, needed in _NEEDED.items():
        assert name not in told or needed in told, f"`{name}` is never asked without `{needed}`: have that too, or neither"


def reaches_back(cls: type[Feed]) -> None:
    assert cls.id_history_ms > 0, f"`id_history_ms` is {cls.id_history_ms}: leave `fetch_ids` out where it tells nothing"


def lateness_is_a_duration(feed: Feed) -> None:
    duration(feed.lateness)


def tells_its_progress_before_it_starts(feed: Feed) -> None:
    progress = feed.progress()
    assert progress is None or isinstance(progress, Progress), f"`progress` answers {progress!r}"


def tells_its_health_before_it_starts(feed: Feed) -> None:
    health = feed.health()
    assert isinstance(health, FeedHealth), f"`health` answers {health!r}"


def is_told_what_is_wanted_before_it_starts(feed: Feed) -> None:
    feed.want((SYMBOL, "ETHUSDT"), {SYMBOL: feed.channels} if feed.channels else {})
    feed.want((), {})


def can_be_closed_before_it_starts(feed: Feed) -> None:
    asyncio.run(feed.close())


LOOKS = (tells_what_the_rest_of_its_past_needs, reaches_back)
CHECKS = (
    lateness_is_a_duration,
    tells_its_progress_before_it_starts,
    tells_its_health_before_it_starts,
    is_told_what_is_wanted_before_it_starts,
    can_be_closed_before_it_starts,
)
