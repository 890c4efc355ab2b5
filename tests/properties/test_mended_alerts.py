"""Whatever closes as a gap or with a wrong value and is mended later, in whatever order: in the end, what the true bars say is told."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule, Times
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
from quantd.history.history import History
from quantd.model import Alert, PairPoint
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE

BARS = 12
VALUES = st.sampled_from([0.0, 1.5, 3.0])
RULES: list[dict[str, Any]] = [
    {},
    {"for_": 2 * MINUTE},
    {"until": parse_condition("zscore < 1")},
    {"keep_firing_for": 2 * MINUTE},
    {"times": Times(2, 3)},
    {"cooldown": 2 * MINUTE},
    {"when": parse_condition("zscore crosses above 2")},
    {"when": parse_condition("zscore > 2 and move(zscore, 1) >= 0")},
]
(LIKE,) = fakes.points(6, pair="Y-X")[5:]


def row(bar: int, zscore: float, *, gap: bool = False, revision: int = 0) -> PairPoint:
    quality = "gap" if gap else "complete"
    return msgspec.structs.replace(LIKE, ts=START + bar * MINUTE, zscore=zscore, quality=quality, revision=revision)


class Told:
    """What a receiver knows of the firings: which there were, and which of them last."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self.history = History(None)
        self.engine = AlertEngine(None, self.history)
        rule = Rule(**{"name": "rule", "when": parse_condition("zscore > 2"), "every": "1m", "flapping": False} | keys)
        self.engine.put(AlertRule("rule", rule, "Y-X", ""))
        self.lasts: dict[int, bool] = {}
        self.fired: list[Alert] = []

    def take(self, *points: PairPoint) -> None:
        """Publish points, and note what is told of them."""
        self.history.amend([point for point in points if point.revision])
        self.history.put_points([point for point in points if not point.revision])
        for alert, _ in self.engine.judge(points):
            if alert.state == "withdrawn":
                del self.lasts[alert.since]
            else:
                self.lasts[alert.since] = alert.state == "firing"


@given(st.data())
def test_in_the_end_it_is_told_what_the_true_bars_say(data: st.DataObject) -> None:
    keys = data.draw(st.sampled_from(RULES))
    true = data.draw(st.lists(VALUES, min_size=BARS, max_size=BARS))
    wrong = data.draw(st.dictionaries(st.integers(1, BARS - 1), st.none() | VALUES, max_size=5))
    mended = data.draw(st.dictionaries(st.integers(1, BARS - 1), st.integers(0, BARS), max_size=5))
    once, told = Told(keys), Told(keys)
    once.take(*(row(bar, zscore) for bar, zscore in enumerate(true)))
    left = dict(wrong)
    for bar, zscore in enumerate(true):
        first = wrong.get(bar, zscore)
        told.take(row(bar, 0.0 if first is None else first, gap=first is None))
        for early in [each for each in left if each <= bar and mended.get(each, BARS) <= bar]:
            del left[early]
            told.take(row(early, true[early], revision=1))
    for bar in data.draw(st.permutations(sorted(left))):
        told.take(row(bar, true[bar], revision=1))
    assert told.lasts == once.lasts
    assert told.engine.states.of("rule").phase == once.engine.states.of("rule").phase
