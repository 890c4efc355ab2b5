"""Plugins that lie: each is caught by the check that is there for it, and by what it says."""

import asyncio
import math
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

import msgspec
import numpy as np
import pytest
from msgspec import Meta
from msgspec.structs import replace

import quantd
from quantd.model import Tick
from quantd.plugin.base import Plugin
from quantd.plugin.registry import Entry, Registry
from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import of_hedges
from quantd.stats.columns.moments import MomentsColumns
from quantd.stats.regression import ols, ols_fit
from quantd.stats.sums import Sums
from quantd.testing import fakes
from quantd.testing.checks import check, checks_for, problems, run
from quantd_plugins.regressions.rls import Rls, RlsColumns


def failed(plugin: type[Plugin], **settings: object) -> dict[str, str]:
    """The checks that a plugin fails, and what they say."""
    lines = problems(Entry("kind", "name", plugin, "here"), **settings)
    return dict(line.removeprefix("kind name: ").split(": ", 1) for line in lines)


# ---- looks


class Slope(quantd.Regression):
    """Slope of the last against the first price."""

    def fit(self, y: Any, x: Any) -> quantd.Hedge | None:
        if len(y) < 2 or x[-1] == x[0]:
            return None
        return quantd.Hedge(0.0, float((y[-1] - y[0]) / (x[-1] - x[0])), len(y))


def test_an_honest_plugin_passes() -> None:
    assert failed(Slope) == {}
    check(Entry("regression", "slope", Slope, "here"))


def test_run_tells_of_faults_and_problems() -> None:
    class Mute(Slope):
        pass

    registry = Registry()
    registry.add("regression", "slope", Slope, "a.py")
    registry.add("regression", "mute", Mute, "b.py")
    with pytest.raises(ValueError, match="already"):
        registry.add("regression", "mute", Mute, "c.py")
    (problem,) = run(registry)
    assert problem.startswith("regression mute: has_a_docstring: Mute has no docstring")
    with pytest.raises(AssertionError, match="has_a_docstring"):
        check(registry.get("regression", "mute"))


def test_a_field_without_default_or_description_is_caught() -> None:
    class Bare(Slope):
        """Has a bare field."""

        factor: float

    assert list(failed(Bare)) == ["explains_required_fields"]
    assert failed(Bare, factor=2.0).keys() == {"explains_required_fields"}


def test_a_required_field_that_is_explained_passes_and_waits_for_settings() -> None:
    class Explained(Slope):
        """Has a field that must be given."""

        factor: Annotated[float, Meta(gt=0, description="What to multiply with.")]

    assert failed(Explained) == {}
    assert "fits_well_behaved_legs" not in checks_for(Explained)
    assert "fits_well_behaved_legs" in checks_for(Explained, factor=2.0)


def test_a_field_without_a_schema_is_caught() -> None:
    class Odd(Slope):
        """Has a field that YAML cannot hold."""

        matrix: np.ndarray | None = None

    assert "has_a_schema" in failed(Odd)


def test_a_default_against_its_own_bounds_is_caught() -> None:
    class Unbounded(Slope):
        """Has a default that it would refuse."""

        factor: Annotated[float, Meta(gt=0)] = 0.0

    assert list(failed(Unbounded)) == ["has_what_its_kind_needs", "settings_survive_a_round_trip"]


def test_a_field_that_post_init_changes_is_caught() -> None:
    class Counting(Slope):
        """Counts its copies."""

        copies: int = 0

        def __post_init__(self) -> None:
            self.copies += 1

    assert {"settings_survive_a_round_trip", "a_copy_is_equal"} <= failed(Counting).keys()


# ---- regressions


class LyingFit(Slope):
    """Fits, but for one lie."""

    lie: Literal["n", "nan", "raise", "state", "write", "none", "stderr"] = "n"

    def __post_init__(self) -> None:
        self._calls = 0

    def fit(self, y: Any, x: Any) -> quantd.Hedge | None:
        self._calls += 1
        if self.lie == "raise" and len(y) == 0:
            raise IndexError("empty")
        if self.lie == "write" and len(y):
            y[0] = 0.0
        hedge = super().fit(y, x)
        if hedge is None:
            return quantd.Hedge(0.0, math.nan, len(y)) if self.lie == "nan" else None
        if self.lie == "none":
            return None
        changes: dict[str, Any] = {"n": {"n": 1}, "state": {"beta": hedge.beta + self._calls}, "stderr": {"stderr": -1.0}}
        return msgspec.structs.replace(hedge, **changes.get(self.lie, {}))


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("n", "fits_well_behaved_legs"),
        ("none", "fits_well_behaved_legs"),
        ("stderr", "fits_well_behaved_legs"),
        ("nan", "survives_degenerate_legs"),
        ("raise", "survives_degenerate_legs"),
        ("state", "fit_keeps_no_state"),
        ("write", "fit_leaves_its_arguments_alone"),
    ],
)
def test_a_lying_fit_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(LyingFit, lie=lie)


class Sliding(Slope):
    """Updates by keeping the window, but for one lie."""

    lie: Literal["", "off by one", "eager", "long memory", "never again", "nan"] = ""

    def __post_init__(self) -> None:
        self._rows: list[tuple[float, float]] = []
        self._sum = 0.0
        self._dead = False

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        self._rows.append((y, x))
        self._sum += x * 1e-9
        self._dead = self._dead or (self.lie == "never again" and len({x for _, x in self._rows[-30:]}) < len(self._rows[-30:]))
        if self._dead or (len(self._rows) < self.window and self.lie != "eager"):
            return None
        shift = self.lie == "off by one"
        rows = self._rows[-self.window - shift : len(self._rows) - shift]
        hedge = self.fit(*np.array(rows).T)
        if hedge is None:
            return quantd.Hedge(0.0, math.inf, self.window) if self.lie == "nan" else None
        return msgspec.structs.replace(hedge, beta=hedge.beta + self._sum * 1e-9) if self.lie == "long memory" else hedge


class OfSums(quantd.Regression):
    """Least squares from the window's sums, but for one lie."""

    lie: Literal["", "level", "nan"] = ""

    def fit(self, y: Any, x: Any) -> quantd.Hedge | None:
        return ols_fit(y, x)

    def fit_sums(self, sums: Sums) -> quantd.Hedge | None:
        hedge = ols(sums)
        if hedge is None:
            return quantd.Hedge(0.0, math.nan, sums.n) if self.lie == "nan" else None
        return msgspec.structs.replace(hedge, alpha=0.0) if self.lie == "level" else hedge


class Recursive(Sliding):
    """Declares that its update is no fit of a window."""

    recursive: ClassVar[bool] = True


class Resuming(Recursive):
    """Tells what it carries over."""

    def state(self) -> bytes:
        return msgspec.json.encode(list(self._rows))

    def resume(self, state: bytes) -> None:
        self._rows.extend(msgspec.json.decode(state, type=list[tuple[float, float]]))


class Shared(Sliding):
    """Keeps its rows where all instances share them."""

    common: ClassVar[list[tuple[float, float]]] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rows = self.common


def test_an_honest_update_passes() -> None:
    assert failed(Sliding) == failed(OfSums) == {}


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("off by one", "steps_answer_the_fit_of_their_window"),
        ("eager", "steps_answer_the_fit_of_their_window"),
        ("long memory", "steps_restart_to_the_same_bits"),
        ("never again", "steps_survive_degenerate_legs"),
        ("nan", "steps_survive_degenerate_legs"),
    ],
)
def test_a_lying_update_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(Sliding, lie=lie)


@pytest.mark.parametrize(("lie", "caught"), [("level", "steps_answer_the_fit_of_their_window"), ("nan", "steps_survive_degenerate_legs")])
def test_a_lie_about_sums_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(OfSums, lie=lie)


def test_a_recursive_update_need_not_be_the_fit_but_must_resume() -> None:
    assert failed(Resuming, lie="off by one") == {}
    assert list(failed(Recursive, lie="off by one")) == ["state_resumes_to_the_same_bits"]


def test_state_that_instances_share_is_caught() -> None:
    assert "instances_share_no_state" in failed(Shared)


class Columns(Rls):
    """Recursive least squares, but for one lie of its columns."""

    lie: Literal["", "number", "hedge", "state", "drop", "load"] = ""

    def columns(self) -> quantd.RegressionColumns:
        return LyingColumns(self)


class LyingColumns(RlsColumns):
    """The columns of `Columns`."""

    def __init__(self, settings: Columns) -> None:
        super().__init__(settings)
        self._lie = settings.lie
        if settings.lie == "number":
            self.add = lambda: self._runs.add() + 1
        if settings.lie == "drop":
            self.drop = lambda p: self._runs.drop(self._runs.count - 1)

    def load(self, p: int, regression: quantd.Regression) -> None:
        if self._lie != "load":
            super().load(p, regression)

    def hedges(self, which: IntArray) -> quantd.HedgeColumns:
        return super().hedges(np.sort(which) if self._lie == "hedge" else which)

    def states(self, which: IntArray) -> list[bytes | None]:
        return [None] * len(which) if self._lie == "state" else super().states(which)


def test_honest_columns_pass() -> None:
    assert failed(Columns) == {}


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("number", "columns_answer_as_instances"),
        ("hedge", "columns_answer_as_instances"),
        ("state", "columns_answer_as_instances"),
        ("drop", "columns_and_instances_take_each_other_over"),
        ("load", "columns_and_instances_take_each_other_over"),
    ],
)
def test_a_lie_of_columns_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(Columns, lie=lie)


class Level(quantd.Regression):
    """The ratio of the means, but for one lie of its batches."""

    lie: Literal["", "last bit", "others"] = ""

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return quantd.Hedge(0.0, float(y.sum() / x.sum()), len(y)) if x.sum() else None

    def fit_many(self, y: FloatArray, x: FloatArray) -> quantd.HedgeColumns:
        hedges = [self.fit(*legs) for legs in zip(y.T.copy(), x.T.copy(), strict=True)]
        if self.lie == "last bit":
            hedges = [hedge and replace(hedge, beta=np.nextafter(hedge.beta, np.inf).item()) for hedge in hedges]
        if self.lie == "others":
            hedges.reverse()
        return of_hedges(hedges)


class LevelOfSums(Level):
    """The same from the sums."""

    def fit_sums(self, sums: Sums) -> quantd.Hedge | None:
        return quantd.Hedge(0.0, sums.mean_y / sums.mean_x, sums.n) if sums.mean_x else None

    def fit_sums_many(self, sums: MomentsColumns) -> quantd.HedgeColumns:
        return of_hedges([self.fit_sums(each) for each in (sums.each()[::-1] if self.lie else sums.each())])


def test_honest_batches_pass() -> None:
    assert failed(Level) == failed(LevelOfSums) == {}


@pytest.mark.parametrize("lie", ["last bit", "others"])
def test_a_lie_of_a_batch_is_caught(lie: str) -> None:
    assert list(failed(Level, lie=lie)) == ["fit_many_answers_as_fit"]
    assert "fit_sums_many_answers_as_fit_sums" in failed(LevelOfSums, lie=lie)


# ---- resamplers


class Seconds(quantd.Resampler):
    """Sums up seconds from all ticks it was ever given; slow, plain, and with one lie."""

    lie: Literal["", "loses", "hole", "range", "batches", "revision", "forming", "invents"] = ""

    def __post_init__(self) -> None:
        self._ticks: list[Tick] = []
        self._issued: dict[int, quantd.Bar] = {}
        self._looks = 0

    @property
    def base(self) -> str:
        return "1s"

    def update(self, ticks: Sequence[Tick]) -> None:
        self._ticks += ticks[:-1] if self.lie == "batches" and len(ticks) > 3 else ticks
        self._ticks.sort(key=lambda tick: tick.id)

    def advance(self, watermark: int) -> list[quantd.Bar]:
        if not self._ticks:
            return []
        fresh = []
        for bar in self._bars(watermark // 1000 * 1000):
            old = self._issued.get(bar.ts)
            if old is None or msgspec.structs.replace(old, revision=0) != bar:
                revision = old.revision + 1 if old and self.lie != "revision" else 0
                self._issued[bar.ts] = issued = msgspec.structs.replace(bar, revision=revision)
                fresh.append(issued)
        return fresh

    def flush(self, until: int) -> list[quantd.Bar]:
        return self.advance(until + 1000) if self.lie != "invents" else [*self.advance(until + 1000), fakes.bars(1, every="1s")[0]]

    def forming(self) -> list[quantd.Bar]:
        self._looks += self.lie == "forming"
        return [msgspec.structs.replace(self._bars(math.inf)[-1], quality="forming")] if self._ticks else []

    def _bars(self, end: float) -> list[quantd.Bar]:
        bars = []
        last = self._ticks[0].price
        seconds: dict[int, list[Tick]] = {}
        for tick in self._ticks:
            seconds.setdefault(tick.ts // 1000 * 1000, []).append(tick)
        for ts in range(min(seconds), int(min(end, max(seconds) + 1000)), 1000):
            ticks = seconds.get(ts, [])
            if ticks or self.lie != "hole":
                bars.append(self._bar(ts, last, ticks))
            last = ticks[-1].price if ticks else last
        return bars

    def _bar(self, ts: int, last: float, ticks: list[Tick]) -> quantd.Bar:
        prices = [tick.price for tick in ticks] or [last]
        volume = sum(tick.qty for tick in ticks) + self._looks
        vwap = sum(tick.price * tick.qty for tick in ticks) / volume if ticks else None
        taker = sum(tick.qty for tick in ticks if not tick.buyer_maker)
        high = prices[0] if self.lie == "range" else max(prices)
        count = min(len(ticks), 6) if self.lie == "loses" else len(ticks)
        return quantd.Bar("BTCUSDT", "1s", ts, prices[0], high, min(prices), prices[-1], volume, count, vwap, taker, "complete")


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("loses", "conserves_trades"),
        ("hole", "bars_are_contiguous"),
        ("range", "bars_are_ordered"),
        ("batches", "batches_make_no_difference"),
        ("revision", "revisions_count_up"),
        ("forming", "looking_at_the_forming_bar_changes_nothing"),
        ("invents", "makes_nothing_of_nothing"),
    ],
)
def test_a_lying_resampler_is_caught(lie: str, caught: str) -> None:
    with pytest.raises(AssertionError):
        checks_for(Seconds, lie=lie)[caught]()


@pytest.mark.parametrize("name", sorted(checks_for(Seconds).keys()))
def test_an_honest_resampler_passes(name: str) -> None:
    checks_for(Seconds)[name]()


# ---- jobs


class Spreads(quantd.PairJob):
    """The last spread, but for one lie."""

    metrics: ClassVar[tuple[str, ...]] = ("last_spread",)
    lie: Literal["", "key", "nan", "few", "write", "random", "bars"] = ""

    def bars_needed(self, window: int) -> int:
        return 0 if self.lie == "bars" else window

    def run(self, view: quantd.PairView) -> Mapping[str, float | None]:
        spread = view.columns["spread"]
        if not len(spread) and self.lie != "few":
            return {"last_spread": None}
        if self.lie == "write":
            spread[0] = 0.0
        value = float(view.columns["zscore"][-1]) if self.lie == "nan" else float(spread[-1])
        return {"spread" if self.lie == "key" else "last_spread": random.random() if self.lie == "random" else value}


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("key", "answers_each_metric"),
        ("nan", "survives_degenerate_points"),
        ("few", "survives_few_points"),
        ("write", "answers_each_metric"),
        ("random", "answers_the_same_twice"),
        ("bars", "needs_at_least_one_point"),
    ],
)
def test_a_lying_job_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(Spreads, lie=lie)


def test_an_honest_job_passes() -> None:
    assert failed(Spreads) == {}


def test_a_job_that_declares_nothing_is_caught() -> None:
    class Vague(quantd.PairJob):
        """Does not say what it computes."""

        def run(self, view: quantd.PairView) -> Mapping[str, float | None]:
            return {}

    assert "it names no metrics" in failed(Vague)["has_what_its_kind_needs"]


@pytest.mark.parametrize("names", [("mine", "zscore"), ("beta",), ("price",), ("mine", "mine")])
def test_metrics_whose_names_are_taken_are_caught(names: tuple[str, ...]) -> None:
    class Usurper(Spreads):
        """Computes what there is already."""

        metrics: ClassVar[tuple[str, ...]] = names

    assert "declares_metrics" in failed(Usurper)


@pytest.mark.parametrize("ranges", [{"last_spread": (1.0, -1.0)}, {"last_spread": (0.0, math.nan)}])
def test_ranges_that_make_no_sense_are_caught(ranges: Mapping[str, tuple[float, float]]) -> None:
    wrong = ranges

    class Confused(Spreads):
        """Tells of ranges that are none."""

        ranges: ClassVar[Mapping[str, tuple[float, float]]] = wrong

    assert "declares_ranges" in failed(Confused)


def test_an_answer_out_of_its_range_is_caught() -> None:
    class Narrow(Spreads):
        """Promises what it does not keep."""

        ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"last_spread": (-math.inf, -1e9)}

    assert "answers_each_metric" in failed(Narrow)


def test_a_daemon_job_must_do_without_a_store() -> None:
    class Needy(quantd.DaemonJob):
        """Takes a store for granted."""

        def run(self, view: quantd.DaemonView) -> Mapping[str, float | None]:
            return dict(view.store.prune(view.now))

    assert list(failed(Needy)) == ["answers_without_a_store"]


# ---- feeds and sinks


class Yielding(quantd.Feed):
    """Yields its batches."""

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        yield []


def test_a_feed_that_forgets_to_yield_is_caught() -> None:
    class Returning(quantd.Feed):
        """Returns its batches."""

        async def stream(self, subscription: quantd.Subscription) -> list[Sequence[quantd.Event]]:
            return []

    assert list(failed(Returning)) == ["has_what_its_kind_needs"]
    assert failed(Yielding) == {}


class Recalling(Yielding):
    """Has a past."""

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        return []


class Plain(Recalling):
    """Does not wait for its past."""

    def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return []


class Waiting(Yielding):
    """Waits where nobody awaits it."""

    async def want(self, symbols: Sequence[str], channels: quantd.Channels) -> None: ...


class Filing(Recalling):
    """Has files of days, but is not asked for ids."""

    async def fetch_day(self, symbol: str, day: int, first_id: int, last_id: int) -> AsyncIterator[Sequence[Tick]]:
        yield []


class Gathering(Recalling):
    """Returns the trades of a day at once."""

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return []

    async def fetch_day(self, symbol: str, day: int, first_id: int, last_id: int) -> list[Sequence[Tick]]:
        return []


class Narrow(Recalling):
    """Tells one timeframe only."""

    async def fetch_bars(self, symbol: str, start: int, end: int) -> list[quantd.Bar]:
        return []


class Boasting(Yielding):
    """Brings what there is not."""

    channels: ClassVar[Any] = frozenset({"quotes", "rumours"})


class Fractional(Yielding):
    """Tells half a millisecond."""

    id_history_ms: ClassVar = 0.5


class Silent(Yielding):
    """Cannot say how it is before it has a connection."""

    def health(self) -> quantd.FeedHealth:
        return quantd.FeedHealth(connections=self._connections)


class Absent(Yielding):
    """Says nothing of how it is."""

    def health(self) -> None: ...


class Unready(Yielding):
    """Wants to stream before it can be told what."""

    def want(self, symbols: Sequence[str], channels: quantd.Channels) -> None:
        self._queue.put_nowait(symbols)


class Unopened(Yielding):
    """Closes what was never opened."""

    async def close(self) -> None:
        await self._session.close()


@pytest.mark.parametrize(
    ("feed", "caught", "says"),
    [
        (Plain, "has_what_its_kind_needs", "fetch_ids is awaited: write `async def`"),
        (Waiting, "has_what_its_kind_needs", "want is called without `await`: write `def`"),
        (Gathering, "has_what_its_kind_needs", "fetch_day is iterated: write `async def`, and `yield` in it"),
        (Narrow, "has_what_its_kind_needs", "fetch_bars is called with (symbol, every, start, end), but takes (symbol, start, end)"),
        (Filing, "tells_what_the_rest_of_its_past_needs", "`fetch_day` is never asked without `fetch_ids`"),
        (Boasting, "has_what_its_kind_needs", "rumours"),
        (Fractional, "has_what_its_kind_needs", "id_history_ms is 0.5, and must be int"),
        (Silent, "tells_its_health_before_it_starts", "no attribute '_connections'"),
        (Absent, "tells_its_health_before_it_starts", "`health` answers None"),
        (Unready, "is_told_what_is_wanted_before_it_starts", "no attribute '_queue'"),
        (Unopened, "can_be_closed_before_it_starts", "no attribute '_session'"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_feed_that_the_core_cannot_ask_is_caught(feed: type[quantd.Feed], caught: str, says: str) -> None:
    problems = failed(feed)
    assert list(problems) == [caught]
    assert says in problems[caught]


def test_a_sink_that_is_no_coroutine_or_never_starts_is_caught() -> None:
    class Plain(quantd.AlertSink):
        """Sends without waiting."""

        def send(self, alert: quantd.Alert) -> None: ...

    class Late(quantd.AlertSink):
        """Opens in `stop` what it uses in `send`."""

        async def send(self, alert: quantd.Alert) -> None:
            self._queue.put_nowait(alert)

        async def stop(self) -> None:
            self._queue = asyncio.Queue[quantd.Alert]()

    assert "send is awaited" in failed(Plain)["has_what_its_kind_needs"]
    assert list(failed(Late)) == ["starts_sends_and_stops", "sends_alerts_that_belong_together"]


# ---- exporters and stores


class Lines(quantd.Exporter):
    """Writes a line a row, but for one lie."""

    dir: str = "exports"
    lie: Literal["", "nothing", "never opened", "exclusive", "shuts", "forgets", "as given", "anywhere", "nowhere"] = ""

    def places(self) -> frozenset[str]:
        lies = {"as given": frozenset({f"{self.dir}/rows.txt"}), "anywhere": frozenset({"rows.txt"}), "nowhere": frozenset[str]()}
        return lies[self.lie] if self.lie in lies else super().places()

    def open(self, metrics: Sequence[str]) -> None:
        mode = "x" if self.lie == "exclusive" else "a"
        if self.lie != "never opened":
            self._file = (Path(self.dir) / "rows.txt").open(mode, encoding="utf-8")
        self._released = False

    def write(self, kind: quantd.RowKind, rows: Sequence[Any]) -> None:
        if self.lie != "nothing" and not (self.lie == "forgets" and self._released):
            self._file.writelines(f"{kind} {row}\n" for row in rows)

    def release(self, name: str) -> None:
        self._released = True
        if self.lie == "shuts":
            self._file.close()

    def close(self) -> None:
        self._file.close()


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("shuts", "goes_on_after_a_release"),
        ("forgets", "goes_on_after_a_release"),
        ("nothing", "writes_all_its_kinds"),
        ("never opened", "opens_and_closes_without_a_row"),
        ("exclusive", "goes_on_in_a_used_directory"),
        ("as given", "tells_its_places"),
        ("anywhere", "tells_its_places"),
        ("nowhere", "tells_its_places"),
    ],
)
def test_a_lying_exporter_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(Lines, lie=lie)


def test_an_honest_exporter_passes() -> None:
    assert failed(Lines) == {}


def test_an_exporter_without_a_directory_is_not_run() -> None:
    class Remote(quantd.Exporter):
        """Talks to a server."""

        def open(self, metrics: Sequence[str]) -> None:
            raise ConnectionError

        def write(self, kind: quantd.RowKind, rows: Sequence[Any]) -> None: ...

        def close(self) -> None: ...

    assert failed(Remote) == {}


class Notebook(quantd.Store):
    """Keeps everything in one JSON file, but for one lie."""

    lie: Literal[
        "",
        "doubles",
        "end",
        "revision",
        "forgets",
        "mixes",
        "prunes",
        "stale",
        "unsorted",
        "type",
        "newest",
        "span",
        "thread",
        "definition",
        "oldest",
        "state",
        "removes new",
        "removes all",
        "miscounts",
        "empties",
    ] = ""

    def open(self, directory: Path) -> None:
        self._path = directory / "notebook.json"
        self._written = self._page()
        self._thread = threading.get_ident()

    def _page(self) -> "Page":
        return msgspec.json.decode(self._path.read_bytes(), type=Page) if self._path.exists() else Page()

    def append(self, ticks: Sequence[Tick], bars: Sequence[quantd.Bar], points: Sequence[quantd.PairPoint]) -> None:
        page = self._written
        known = {(tick.symbol, tick.id) for tick in page.ticks} if self.lie != "doubles" else set()
        page.ticks += [tick for tick in ticks if (tick.symbol, tick.id) not in known]
        page.bars += [msgspec.structs.replace(bar, state=None) for bar in bars] if self.lie == "state" else bars
        page.points += points
        if self.lie != "forgets":
            self._write(page)

    def _write(self, page: "Page") -> None:
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(page))
        draft.replace(self._path)

    def ticks(self, symbol: str, start: int, end: int) -> quantd.Columns:
        end += self.lie == "end"
        rows = [tick for tick in self._look().ticks if (tick.symbol == symbol or self.lie == "mixes") and start <= tick.ts < end]
        rows.sort(key=lambda tick: tick.id if self.lie != "unsorted" else 0)
        types = {"id": "i8", "ts": "i8", "recv": "f8" if self.lie == "type" else "i8", "price": "f8", "qty": "f8", "buyer_maker": "?"}
        return {name: np.array([getattr(tick, name) for tick in rows], dtype) for name, dtype in types.items()}

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[quantd.Bar]:
        return self._last(bar for bar in self._look().bars if (bar.symbol, bar.every) == (symbol, every) and start <= bar.ts < end)

    def last_bars(self, symbol: str, every: str, start: int, end: int, count: int) -> list[quantd.Bar]:
        if self.lie == "oldest":
            return self.bars(symbol, every, start, end)[:count]
        return super().last_bars(symbol, every, start, end, count)

    def points(self, pair: str, every: str, start: int, end: int) -> list[quantd.PairPoint]:
        return self._last(each for each in self._look().points if (each.pair, each.every) == (pair, every) and start <= each.ts < end)

    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        rows = [(tick.id, tick.ts) for tick in self._look().ticks if tick.symbol == symbol]
        return (max(rows, key=lambda row: row[self.lie == "newest"])) if rows else None

    def series(self, kind: quantd.RowKind) -> Mapping[tuple[str, str], tuple[int, int]]:
        times: dict[tuple[str, str], list[int]] = {}
        for row in getattr(self._look(), kind):
            times.setdefault((row.pair if kind == "points" else row.symbol, "" if kind == "ticks" else row.every), []).append(row.ts)
        return {series: (min(found), max(found) + (self.lie == "span")) for series, found in times.items()}

    def _look(self) -> "Page":
        if self.lie == "thread" and threading.get_ident() != self._thread:
            raise RuntimeError("opened by another thread")
        return self._written if self.lie in ("forgets", "stale") else self._page()

    def _last(self, rows: Any) -> list[Any]:
        if self.lie == "revision":
            return list({row.ts: row for row in rows}.values())
        definition = "" if self.lie == "definition" else "definition"
        order = sorted(rows, key=lambda row: (row.ts, getattr(row, definition, 0), row.revision))
        return list({row.ts: row for row in order}.values())

    def prune(self, now: int) -> Mapping[str, int]:
        return {"ticks": 1 if self.lie == "prunes" else 0}

    def remove(self, kind: quantd.RowKind, before: int, most: int) -> int:
        page = self._written
        old = sorted((row for row in getattr(page, kind) if row.ts < before), key=lambda row: row.ts, reverse=self.lie == "removes new")
        gone = old if self.lie == "removes all" else old[:most]
        setattr(page, kind, [row for row in getattr(page, kind) if row not in gone])
        self._write(page)
        return len(gone)

    def tick_counts(self) -> Mapping[str, int]:
        return Counter(tick.symbol for tick in self._look().ticks) if self.lie != "miscounts" else {"BTCUSDT": 1}

    def compact(self) -> None:
        if self.lie == "empties":
            self._write(Page())

    def size(self) -> int:
        return self._path.stat().st_size

    def close(self) -> None: ...


class Page(msgspec.Struct):
    ticks: list[quantd.Tick] = []
    bars: list[quantd.Bar] = []
    points: list[quantd.PairPoint] = []


@pytest.mark.parametrize(
    ("lie", "caught"),
    [
        ("doubles", "ignores_known_ticks"),
        ("end", "returns_ticks_of_a_range"),
        ("state", "returns_bars_of_a_range"),
        ("mixes", "returns_ticks_of_a_range"),
        ("unsorted", "takes_ticks_in_any_order"),
        ("type", "is_empty_at_first"),
        ("revision", "keeps_the_last_revision"),
        ("definition", "keeps_the_last_definition"),
        ("oldest", "returns_the_newest_bars_of_a_range"),
        ("forgets", "remembers_after_a_restart"),
        ("prunes", "prunes_nothing_that_is_new"),
        ("stale", "is_read_beside_its_writer"),
        ("newest", "tells_the_newest_tick"),
        ("span", "tells_what_is_kept"),
        ("thread", "is_read_from_any_thread"),
        ("removes new", "removes_what_is_old"),
        ("removes all", "removes_what_is_old"),
        ("miscounts", "counts_its_ticks"),
        ("empties", "keeps_its_rows_when_it_is_compacted"),
    ],
)
def test_a_lying_store_is_caught(lie: str, caught: str) -> None:
    assert caught in failed(Notebook, lie=lie)


def test_an_honest_store_passes() -> None:
    assert failed(Notebook) == {}


class Sparse(Notebook):
    """Does only what every store must do."""

    remove, compact, size, tick_counts = (getattr(quantd.Store, name) for name in ("remove", "compact", "size", "tick_counts"))


def test_a_store_that_cannot_delete_passes() -> None:
    assert failed(Sparse) == {}


# ---- event bars


class Runs(quantd.EventBars):
    """Bars of as many trades as the bar before had buys, and two more; `lie` says what is wrong with how they go on."""

    lie: Literal["", "forgets", "text"] = ""

    def __post_init__(self) -> None:
        self._wanted, self._trades, self._buys = 2, 0, 0

    @property
    def label(self) -> str:
        return "runs"

    def ends(self, tick: Tick) -> bool:
        self._trades += 1
        self._buys += not tick.buyer_maker
        if self._trades < self._wanted:
            return False
        self._wanted, self._trades, self._buys = 2 + self._buys, 0, 0
        return True

    def state(self) -> bytes | None:
        if self.lie == "text":
            return cast(bytes, str(self._wanted))
        return str(self._wanted).encode() if self.lie != "forgets" else None

    def resume(self, state: bytes) -> None:
        self._wanted = int(state)


def test_a_rule_that_goes_on_passes() -> None:
    assert failed(Runs) == {}


@pytest.mark.parametrize(("lie", "said"), [("forgets", "give `state` and `resume`"), ("text", "as bytes")])
def test_a_rule_that_does_not_go_on_behind_a_bar_is_caught(lie: str, said: str) -> None:
    assert said in failed(Runs, lie=lie)["it_goes_on_behind_any_bar"]
