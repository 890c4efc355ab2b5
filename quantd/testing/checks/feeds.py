"""What a feed must do, as far as it shows without a network."""

import inspect

from quantd.plugin.base import Feed, Progress
from quantd.timeframes import duration


def streams_by_yielding(cls: type[Feed]) -> None:
    assert not inspect.iscoroutinefunction(cls.stream), "`stream` is a coroutine: an `async def` that yields is what is asked for"


def lateness_is_a_duration(feed: Feed) -> None:
    duration(feed.lateness)


def tells_its_progress_before_it_starts(feed: Feed) -> None:
    progress = feed.progress()
    assert progress is None or isinstance(progress, Progress), f"`progress` answers {progress!r}"


LOOKS = (streams_by_yielding,)
CHECKS = (lateness_is_a_duration, tells_its_progress_before_it_starts)
