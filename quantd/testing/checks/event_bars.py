"""The checks of rules of event bars."""

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


def it_goes_on_behind_any_bar(rule: EventBars) -> None:
    """Check a restart: a fresh instance is given the state stored with a bar, if there is one, and the trades after that bar."""
    ticks = fakes.ticks(2_000)
    whole = msgspec.structs.replace(rule)
    ends: list[bool] = []
    states: dict[int, bytes | None] = {}
    for number, tick in enumerate(ticks, 1):
        ends.append(whole.ends(tick))
        if ends[-1]:
            states[number] = whole.state()
    for number, state in [*states.items()][:: len(states) // 20 + 1]:
        fresh = msgspec.structs.replace(rule)
        if state is not None:
            assert isinstance(state, bytes), f"`state` is {state!r}: a rule tells as bytes what it carries over from bar to bar"
            fresh.resume(state)
        same = [fresh.ends(tick) for tick in ticks[number:]] == ends[number:]
        assert same, "a fresh instance ends later bars elsewhere: give `state` and `resume` for what goes over the end of a bar"


CHECKS = (label_is_no_timeframe, the_same_trades_end_the_same_bars, it_goes_on_behind_any_bar)
