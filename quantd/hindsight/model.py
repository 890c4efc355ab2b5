"""What a rule would have told. Times and lengths of time are in milliseconds."""

from typing import Literal

from msgspec import Struct

End = Literal["resolved", "withdrawn", "open"]


class Firing(Struct, frozen=True, gc=False):
    """One firing: `since` is when the condition began to hold, `fired` when it was told, `ended` when it resolved.

    `ended` is None for a firing that still lasts at the end of the data. `extreme` is the value farthest beyond the threshold, with its
    sign. `half` is how long after `fired` the z-score was within half a standard deviation of its mean, and `mean` how long until it was
    at its mean or beyond; None if that did not happen, or for a rule that does not watch a z-score.
    """

    since: int
    fired: int
    ended: int | None
    end: End
    lasted: int
    value: float | str
    extreme: float | str
    half: int | None = None
    mean: int | None = None


class Trial(Struct, frozen=True):
    """What one change to a rule would have made of it."""

    text: str
    """The value of the key: a condition for `until`, a length of time for `for`."""
    firings: int
    flaps: int
    share: float
    """Share of the time in which the rule fires."""
    delay: int = 0
    """How much later the first firing is told."""


class Report(Struct, frozen=True):
    """What a rule would have told over a stretch of the past."""

    rule: str
    of: str
    when: str
    every: str
    start: int
    """The open time of the first bar."""
    end: int
    """The end of the last bar."""
    bars: int
    unknown: int
    """Number of bars at which the rule could not be judged, for want of a value or of data behind it."""
    firings: tuple[Firing, ...]
    share: float
    """Share of the time in which the rule fires."""
    flaps: int
    """Number of firings that begin within `FLAP_BARS` bars of the end of the firing before."""
    until: Trial | None
    """The suggested `until`; None if nothing would be calmer."""
    for_: Trial | None
    """The suggested `for`; None if nothing would be calmer."""
    notes: tuple[str, ...] = ()


class PastQuestion(Struct, frozen=True):
    """A question about the past: a rule by its name or id, or a condition. An empty `of` or `every` is the rule's own. Times are ms."""

    rule: str
    of: str = ""
    every: str = ""
    start: int | None = None
    end: int | None = None
