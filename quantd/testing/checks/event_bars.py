"""What a rule of event bars must do."""

import msgspec

from quantd.errors import QuantdError
from quantd.plugin.base import EventBars
from quantd.testing import fakes
from quantd.timeframes import timeframe


def label_is_no_timeframe(rule: EventBars) -> None:
    assert rule.label, "`label` is empty"
    try:
        timeframe(rule.label)
    except (ValueError, QuantdError):
        return
    raise AssertionError(f"label {rule.label!r} reads as a timeframe")


def the_same_trades_end_the_same_bars(rule: EventBars) -> None:
    ticks = fakes.ticks(2_000)
    one, other = ([fresh.ends(tick) for tick in ticks] for fresh in (msgspec.structs.replace(rule), msgspec.structs.replace(rule)))
    assert one == other, "another instance ends bars elsewhere: keep state on `self`, set in __post_init__"
    assert set(one) <= {True, False}, "`ends` must answer True or False"


CHECKS = (label_is_no_timeframe, the_same_trades_end_the_same_bars)
