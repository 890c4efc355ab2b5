"""What a config becomes: shared stages, one exporter for equal settings, and plugins that fail alone."""

import asyncio
import csv
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import quantd
from quantd.clock import EventClock
from quantd.config.load import build as load
from quantd.errors import QuantdError
from quantd.model import Alert, Event
from quantd.runtime.build import build
from quantd.runtime.runtime import Runtime
from quantd.timeframes import DAY

BROKEN = '''
"""A regression that fails from the hundredth bar on."""
import quantd

class Failing(quantd.Regression):
    """Fails."""

    def __post_init__(self):
        self._calls = 0

    def fit(self, y, x):
        self._calls += 1
        if self._calls > 40:
            raise RuntimeError("out of luck")
        return quantd.Hedge(alpha=0.0, beta=1.0, n=len(y))

@quantd.hookimpl
def register_regressions(register):
    register("failing", Failing)
'''
FEED = {"duration": "3m", "rate": 5.0}


def runtime(folder: Path, pairs: dict[str, dict[str, Any]], **top: Any) -> Runtime:
    """Each pair through a pipeline of its own; what a pipeline does not say is as in most of them."""
    common = {"feed": "synthetic", "bars": {"use": "time", "every": ["1s"]}, "regression": {"use": "ols", "window": 10}}
    raw = {"pairs": [{pair: f"p{number}"} for number, pair in enumerate(pairs)], "feeds": {"synthetic": FEED}, **top}
    loaded = load(raw, {f"p{number}": common | keys for number, keys in enumerate(pairs.values())}, {})
    return build(loaded.config, loaded.registry, EventClock(), folder)


def test_a_symbol_in_several_pairs_is_ingested_once_with_all_their_timeframes(tmp_path: Path) -> None:
    run = runtime(
        tmp_path,
        {"A-B": {"bars": {"use": "time", "every": ["1s", "1m"]}}, "C-B": {"bars": {"use": "time", "every": ["5s"]}}, "A-C": {}},
    )
    (flow,) = run.flows
    assert sorted(stage.symbol for stage in flow.stages) == ["A", "B", "C"]
    assert {stage.symbol: set(stage.every) for stage in flow.stages} == {"A": {"1s", "1m"}, "B": {"1s", "1m", "5s"}, "C": {"5s", "1s"}}
    assert flow.pairs[0].x is flow.pairs[1].x
    assert [[series.spec.every for series in pair.series] for pair in flow.pairs] == [["1s", "1m"], ["5s"], ["1s"]]


def test_another_way_of_making_the_bars_of_a_shared_leg_is_a_mistake(tmp_path: Path) -> None:
    """Both used to make them, and every bar was told twice."""
    with pytest.raises(QuantdError, match="B goes through the pipelines 'p0' and 'p1', which make its bars in two ways"):
        runtime(tmp_path, {"A-B": {}, "C-B": {"bars": {"use": "time", "every": ["1s"], "reopen": "9m"}}})


def test_a_bar_of_a_shared_leg_is_told_and_exported_once(tmp_path: Path) -> None:
    exports = [[{"use": "csv", "dir": str(tmp_path / name), "kinds": ["bars"]}] for name in ("one", "two")]
    bars = {"use": "time", "every": ["1s", "1m"]}
    run = runtime(tmp_path, {"A-B": {"exports": exports[0]}, "C-B": {"exports": exports[1], "bars": bars}})
    told: list[quantd.Bar] = []
    run.outputs.hub.listen("bars", told.extend)
    asyncio.run(run.run())
    keys = [(bar.symbol, bar.every, bar.ts, bar.revision) for bar in told]
    assert len(keys) == len(set(keys)) > 300
    for name, legs in (("one", "AB"), ("two", "BC")):
        with (tmp_path / name / "bars.csv").open(newline="") as file:
            rows = [(row["symbol"], row["every"], row["ts"], row["revision"]) for row in csv.DictReader(file)]
        assert len(rows) == len(set(rows)) == sum(bar.symbol in legs for bar in told)


def test_a_guest_pair_has_the_timeframes_that_both_legs_make(tmp_path: Path) -> None:
    """Its legs' bars are made already, of the timeframes that the config's pairs name."""
    run = runtime(tmp_path, {"A-B": {"bars": {"use": "time", "every": ["1s", "1m"]}}, "C-B": {"bars": {"use": "time", "every": ["1s"]}}})
    run.watch_pair("A", "C")
    run.watch_pair("B", "A")
    assert {pair.name: [series.spec.every for series in pair.series] for pair in run.flows[0].pairs} == {
        "A-B": ["1s", "1m"],
        "C-B": ["1s"],
        "A-C": ["1s"],
        "B-A": ["1s", "1m"],
    }
    assert sorted(stage.symbol for stage in run.flows[0].stages) == ["A", "B", "C"]


def test_a_guest_pair_whose_legs_have_no_bars_in_common_is_not_processed(tmp_path: Path) -> None:
    bars = {every: {"bars": {"use": "time", "every": [every]}} for every in ("1s", "1m")}
    run = runtime(tmp_path, {"A-B": bars["1s"], "C-D": bars["1m"]})
    with pytest.raises(QuantdError, match="A-C is not processed: its legs have no bars in common of 1s"):
        run.watch_pair("A", "C")
    assert [pair.name for pair in run.flows[0].pairs] == ["A-B", "C-D"]


def test_a_guest_pair_of_two_feeds_is_not_processed_and_its_legs_stay_where_they_are(tmp_path: Path) -> None:
    run = runtime(tmp_path, {"A-B": {}, "C-D": {"feed": "other"}}, feeds={"synthetic": FEED, "other": FEED | {"use": "synthetic"}})
    with pytest.raises(QuantdError, match="A-C is not processed: its legs come from two feeds"):
        run.watch_pair("A", "C")
    run.watch_symbol("D")
    assert [[stage.symbol for stage in flow.stages] for flow in run.flows] == [["A", "B"], ["C", "D"]]
    assert [pair.name for flow in run.flows for pair in flow.pairs] == ["A-B", "C-D"]


def test_equal_exporters_are_one_and_each_row_is_written_once(tmp_path: Path) -> None:
    exports = [{"use": "csv", "dir": str(tmp_path / "out"), "kinds": ["ticks", "bars", "points"]}]
    run = runtime(tmp_path, {"A-B": {"exports": exports, "jobs": [{"use": "adf"}]}, "C-B": {"exports": exports}})
    asyncio.run(run.run())
    for name in ("bars", "points", "ticks"):
        rows = (tmp_path / "out" / f"{name}.csv").read_text().splitlines()
        keys = [tuple(row.split(",")[:3]) for row in rows]
        assert len(keys) == len(set(keys)), name
        assert len(keys) > 300
    assert rows[0].startswith("symbol,id,ts"), "the ticks come last"
    assert "adf_stat" in (tmp_path / "out" / "points.csv").read_text().partition("\n")[0]


def test_a_file_that_pipelines_share_has_the_metrics_of_all(tmp_path: Path) -> None:
    exports = [{"use": "csv", "dir": str(tmp_path / "out"), "kinds": ["points"]}]
    pairs: dict[str, Any] = {
        "A-B": {"exports": exports, "jobs": ["adf"]},
        "C-B": {"exports": exports, "jobs": ["kpss"]},
        "C-A": {"exports": exports},
    }
    asyncio.run(runtime(tmp_path, pairs).run())
    with (tmp_path / "out" / "points.csv").open(newline="") as file:
        last = {row["pair"]: row for row in csv.DictReader(file)}
    told = {pair: [name for name in ("adf_stat", "kpss_stat") if row[name]] for pair, row in last.items()}
    assert told == {"A-B": ["adf_stat"], "C-B": ["kpss_stat"], "C-A": []}


def test_an_alert_of_a_replay_fires_at_the_end_of_its_bar(tmp_path: Path) -> None:
    """However the tape is cut, and whatever the machine's clock says."""
    run = runtime(tmp_path, {"A-B": {"alerts": [{"name": "any", "when": "abs(zscore) > 0.1"}]}})
    told: list[Alert] = []
    run.outputs.hub.listen("alerts", told.extend)
    asyncio.run(run.run())
    assert len(told) > 10
    assert all(alert.bar is not None and alert.ts == alert.bar + 1_000 for alert in told)


class Told(quantd.Feed):
    """Streams nothing; its venue's clock is told."""

    now: int | None = None

    def time(self) -> int | None:
        return self.now

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[Event]]:
        return
        yield


class Host:
    """A host whose clock says `now` (ms)."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return 0.0


def test_an_alert_fires_by_the_venue_s_clock(tmp_path: Path) -> None:
    """A host's clock that is ahead would date it in the future."""
    pipeline = {"feed": "synthetic", "bars": {"use": "time", "every": ["1s"]}, "regression": {"use": "ols", "window": 10}}
    alerts = [{"name": "any", "when": "zscore > 1"}]
    loaded = load({"pairs": [{"A-B": "p"}], "feeds": {"synthetic": {}}}, {"p": pipeline | {"alerts": alerts}}, {})
    feed = Told()
    engine = build(
        msgspec.structs.replace(loaded.config, feeds={"synthetic": feed}), loaded.registry, Host(9 * DAY), tmp_path
    ).outputs.alerts
    hedge = quantd.Hedge(alpha=0.0, beta=1.0, n=10)
    for told, wanted in ((None, 9 * DAY), (2 * DAY, 2 * DAY)):
        feed.now = told
        for zscore in (2.0, 0.0):
            ts = engine.states.places.get("A-B 1s", DAY)
            point = quantd.PairPoint("A-B", "1s", ts, 1.0, 1.0, hedge, 0.0, zscore, None, 1.0, "complete")
            ((alert, _),) = engine.judge([point])
            assert alert.ts == wanted


def test_an_exporter_that_cannot_write_is_the_operator_s_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = runtime(tmp_path, {"A-B": {"exports": [{"use": "csv", "dir": str(tmp_path / "file")}]}})
    with pytest.raises(QuantdError, match="exporter csv"):
        asyncio.run(run.run())


def test_a_plugin_that_fails_in_one_pair_leaves_the_other_alone(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "failing.py").write_text(BROKEN)
    plugins = {"dirs": [str(tmp_path / "plugins")]}
    broken = {"regression": {"use": "failing", "window": 10}}

    def points(pairs: dict[str, dict[str, Any]]) -> tuple[dict[str, list[Any]], list[Any]]:
        run = runtime(tmp_path, pairs, plugins=plugins)
        asyncio.run(run.run())
        history = run.outputs.history
        return {pair: history.points(pair, "1s", 0, 2**60) for pair in pairs}, run.guards.health()

    both, health = points({"A-B": {}, "C-D": broken})
    again, health_again = points({"A-B": {}, "C-D": broken})
    alone, _ = points({"A-B": {}, "C-D": {}})
    assert both["A-B"] == alone["A-B"]
    assert len(both["C-D"]) == 40
    assert (both, health) == (again, health_again), "quarantine goes by event time"
    (failing,) = [each for each in health if each.faults]
    assert failing.skipped > 50, "it is left alone after three faults"
