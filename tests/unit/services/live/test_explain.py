"""A firing can be explained with what the rule saw when it fired."""

from xml.etree import ElementTree

import pytest

from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.load import build as load
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.keeper import KeptTable
from quantd.flow.hub import Hub
from quantd.history.history import History
from quantd.model import Alert, Tick
from quantd.pool import Pool, Workers
from quantd.services.live.explain import KEPT, LiveExplain, Sources, config_hash
from quantd.supervision.troubles import Troubles
from quantd.testing.explain import table
from quantd.testing.fakes import START
from tests.unit.hindsight.courses import PAIR, end_of, points
from tests.unit.services.rig import PIPELINE

CALM = [0.5] * 4


class Rig:
    """A rule on a pair, and the rows and alerts that a test brings about."""

    def __init__(self, when: str = "abs(zscore) > 2", on: str = "close", kept: KeptTable | None = None) -> None:
        self.history, self.hub, self.engine = History(None), Hub(), AlertEngine()
        self.kept = kept or table()
        self.engine.add(Rule(name="stretched", when=parse_condition(when), every="1m", on=on, send=("log",)), PAIR)  # type: ignore[arg-type]
        pool = Pool(Workers("", b"", Troubles(EventClock(START))))
        self.explain = LiveExplain(Sources(self.engine, self.history, "abcd"), self.hub, pool, self.kept)

    def close(self, *zscores: float | None, first: int = 0) -> list[Alert]:
        """Close bars with these z-scores, the first of which has this number. Return the alerts."""
        told = []
        for row in points(zscores, START + first * 60_000):
            self.history.put_points([row])
            for alert, _ in self.engine.judge([row]):
                told.append(alert)
                self.hub.publish("alerts", [alert])
        return told


@pytest.fixture
def rig() -> Rig:
    made = Rig()
    for number in range(20):
        for leg, price in (("Y", 100.0), ("X", 50.0)):
            made.history.put_ticks(leg, [Tick(leg, number + 1, START + number, START + number, price + number, 1.0, False)])
    return made


def test_it_has_the_inputs_of_the_firing_as_they_were(rig: Rig) -> None:
    (fired,) = rig.close(*CALM, 2.5)
    known = rig.explain.explanation(fired.id)
    assert known is not None
    assert (known.firing, known.end, known.config) == (fired, None, "abcd")
    assert known.rule == {"name": "stretched", "when": "abs(zscore) > 2", "every": "1m", "send": ["log"]}
    assert [(each.clause, each.value) for each in known.clauses] == [("abs(zscore) > 2", 2.5)]
    assert known.point is not None
    assert (known.point.ts, known.point.hedge.beta, known.point.hedge.n) == (fired.bar, 2.0, 60)
    assert {leg: [tick.id for tick in ticks] for leg, ticks in known.ticks.items()} == {leg: list(range(11, 21)) for leg in ("Y", "X")}
    assert (known.curve.values, known.curve.levels) == ([*CALM, 2.5], [-2.0, 2.0])
    assert known.curve.ts[-1] == fired.ts == end_of(4)


def test_a_later_revision_changes_nothing_of_what_was(rig: Rig) -> None:
    (fired,) = rig.close(2.5)
    rig.history.put_points(points([9.0]))
    known = rig.explain.explanation(fired.id)
    assert known is not None
    assert known.point is not None
    assert known.point.zscore == 2.5


def test_it_follows_the_value_until_the_end_and_no_further(rig: Rig) -> None:
    fired, resolved = rig.close(0.5, 2.5, 3.0, 1.0)
    rig.close(0.3, first=4)
    known = rig.explain.explanation(fired.id)
    assert known is not None
    assert (known.end, known.ended, known.end_value) == ("resolved", resolved.ts, 1.0)
    assert known.curve.values == [0.5, 2.5, 3.0, 1.0]


def test_while_it_lasts_it_shows_the_value_up_to_now(rig: Rig) -> None:
    (fired,) = rig.close(0.5, 2.5)
    rig.close(2.6, first=2)
    known = rig.explain.explanation(fired.id)
    assert known is not None
    assert known.curve.values == [0.5, 2.5, 2.6]


def test_the_id_of_a_rule_stands_for_its_latest_firing(rig: Rig) -> None:
    alerts = rig.close(2.5, 0.5, 3.5)
    known = rig.explain.explanation("Y-X/stretched")
    assert known is not None
    assert known.firing.id == alerts[-1].id
    assert rig.explain.explanation("Y-X/other") is None


def test_a_rule_between_closes_is_drawn_with_the_value_that_fired_it() -> None:
    rig = Rig(on="tick")
    rig.close(-1.0, -1.5)
    now = end_of(1) + 500
    alert = Alert("a@1", "Y-X/stretched", "stretched", PAIR, "firing", 2.5, 2.0, now, now, "", "zscore")
    rig.hub.publish("alerts", [alert])
    known = rig.explain.explanation("a@1")
    assert known is not None
    assert known.point is not None
    assert known.point.zscore == -1.5, "the last closed bar"
    assert known.course() == {end_of(0): -1.0, end_of(1): -1.5, now: -2.5}


def test_the_drawing_is_a_file_with_curve_thresholds_and_marks(rig: Rig) -> None:
    fired, _ = rig.close(*CALM, 2.5, 0.5)
    root = ElementTree.fromstring(rig.explain.svg(fired.id))
    classes = [path.get("class") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert [classes.count(name) for name in ("curve", "level", "mark firing", "mark resolved")] == [1, 2, 1, 1]
    assert rig.explain.svg("unknown") == ""


def test_it_survives_a_restart(rig: Rig) -> None:
    fired, _ = rig.close(*CALM, 2.5, 0.5)
    again = Rig(kept=rig.kept).explain
    assert again.explanation(fired.id) == rig.explain.explanation(fired.id)
    assert again.explanation("Y-X/stretched") is not None


def test_what_is_broken_on_disk_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    kept = table()
    kept.put("x", b"broken")
    assert Rig(kept=kept).explain.explanation("x") is None
    assert kept.all() == {}
    assert "is broken, and is let go" in caplog.text


def test_the_oldest_give_way(rig: Rig) -> None:
    alerts = [Alert(f"a@{n}", "Y-X/stretched", "stretched", PAIR, "firing", 2.5, 2.0, n, n, "", "zscore") for n in range(KEPT + 1)]
    rig.hub.publish("alerts", alerts)
    assert (rig.explain.explanation("a@0"), len(rig.kept.all())) == (None, KEPT)
    assert rig.explain.explanation(f"a@{KEPT}") is not None


def test_the_hash_is_that_of_pairs_and_pipelines() -> None:
    hashes = [hash_of(window=10), hash_of(window=10, log="warning"), hash_of(window=11)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def hash_of(window: int, **more: object) -> str:
    pipeline = PIPELINE | {"regression": {"use": "ols", "window": window}}
    raw = {"pairs": ["A-B"], "feeds": {"synthetic": {}}, **more}
    return config_hash(load(raw, {"default": pipeline}, {}).config)
