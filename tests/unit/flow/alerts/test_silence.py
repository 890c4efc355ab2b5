"""When a silence ends, and what is said before."""

import pytest
from msgspec.structs import replace

from quantd.config.matchers import as_matchers
from quantd.flow.alerts.silence import Silence, ending
from quantd.testing import fakes
from quantd.timeframes import HOUR, MINUTE

SILENCE = Silence("s", as_matchers("rule=stretched"), 0, HOUR)


@pytest.mark.parametrize(
    ("silence", "warned_at"), [(SILENCE, 55 * MINUTE), (replace(SILENCE, until=8 * MINUTE), 4 * MINUTE), (replace(SILENCE, until=2), 1)]
)
def test_the_warning_comes_five_minutes_or_half_the_time_before(silence: Silence, warned_at: int) -> None:
    assert not silence.wants_warning(warned_at - 1)
    assert silence.wants_warning(warned_at)
    assert not replace(silence, warned=True).wants_warning(warned_at)


def test_it_ends_by_time_or_with_the_last_of_its_firings() -> None:
    assert not SILENCE.is_over(HOUR - 1)
    assert SILENCE.is_over(HOUR)
    waiting = replace(SILENCE, until=None, firings=("a", "b"))
    assert not waiting.wants_warning(10 * HOUR)
    assert not waiting.without("c").without("a").is_over(10 * HOUR)
    assert waiting.without("b").without("a").is_over(0)
    assert not SILENCE.without("a").is_over(0)


def test_the_notice_names_a_few_of_what_it_mutes() -> None:
    told = ending(SILENCE, [fakes.alert(number) for number in range(7)], MINUTE)
    assert (told.state, told.value, told.alert_id, told.ts) == ("notice", 7, "silence/s", MINUTE)
    assert told.text.endswith("still mutes 7: " + ", ".join(["BTCUSDT-ETHUSDT abs(zscore) > 2"] * 5) + " and 2 more")
