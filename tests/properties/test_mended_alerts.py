"""Whatever closes as a gap or with a wrong value and is mended later, in whatever order: in the end, what the true bars say is told."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule, Times
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.firing import Firing, after
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
    {"repeat": (90_000, 3 * MINUTE)},
    {"no_data": "fire", "no_data_for": MINUTE},
    {"no_data": "resolve", "no_data_for": 2 * MINUTE},
    {"for_": MINUTE, "times": Times(2, 3), "keep_firing_for": MINUTE, "repeat": (MINUTE,)},
    {"until": parse_condition("zscore < 1"), "cooldown": 3 * MINUTE, "keep_firing_for": MINUTE},
    {"expires": START + 9 * MINUTE},
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
        self._firing: Firing | None = None
        self._keys: set[str] = set()
        self._revision = 0

    def take(self, *points: PairPoint) -> None:
        """Publish points, and note what is told of them."""
        self.history.put_points(points)
        self._hear(self.engine.judge(points))

    def mend(self, bar: int, zscore: float | None) -> None:
        """Publish another value of a bar, None for a gap."""
        self._revision += 1
        points = [row(bar, zscore or 0.0, gap=zscore is None, revision=self._revision)]
        self.history.amend(points)
        self._hear(self.engine.judge(points))

    def _hear(self, changes: Iterable[tuple[Alert, AlertRule]]) -> None:
        for change, _ in changes:
            step = after(self._firing, change, ("sink",), muted=False)
            self._firing = step.firing
            for alert in step.messages:
                if alert.key in self._keys:
                    continue  # it has been sent, so it is not sent again
                self._keys.add(alert.key)
                if alert.state == "withdrawn":
                    del self.lasts[alert.since]
                else:
                    self.lasts[alert.since] = alert.state == "firing"


@given(st.data())
def test_in_the_end_it_is_told_what_the_true_bars_say(data: st.DataObject) -> None:
    keys = data.draw(st.sampled_from(RULES))
    true = data.draw(st.lists(VALUES, min_size=BARS, max_size=BARS))
    wrong = data.draw(st.dictionaries(st.integers(1, BARS - 1), st.none() | VALUES, max_size=5))
    mended = data.draw(st.lists(st.tuples(st.integers(1, BARS - 1), st.integers(0, BARS - 1), st.none() | VALUES), max_size=5))
    once, told = Told(keys), Told(keys)
    once.take(*(row(bar, zscore) for bar, zscore in enumerate(true)))
    for bar, zscore in enumerate(true):
        first = wrong.get(bar, zscore)
        told.take(row(bar, 0.0 if first is None else first, gap=first is None))
        for early, at, value in mended:
            if early <= bar == at:
                told.mend(early, value)
    for bar in data.draw(st.permutations(sorted({*wrong, *(early for early, _, _ in mended)}))):
        told.mend(bar, true[bar])
    assert told.lasts == once.lasts
    assert told.engine.states.of("rule").phase == once.engine.states.of("rule").phase
