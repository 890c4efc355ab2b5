"""The report is one file that stands by itself, escapes what it is told, and shows what there is."""

import csv
import io
import math
import re
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from quantd.backtest import Backtest, backtest
from quantd.backtest.chart import WIDTH, Chart, Line, thin, time_ticks
from quantd.backtest.report import html
from quantd.backtest.table import as_csv
from quantd.flow.desk import PairPast
from quantd.stats.backtest import Rules
from quantd.timeframes import DAY, MINUTE
from tests.unit.backtest.conftest import SETTINGS

HOSTILE = '<script>alert("&amp;")</script>'
VOID = {"meta", "link"}


class Balanced(HTMLParser):
    """Every tag is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href") or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Balanced:
    parser = Balanced()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def result(reverting: PairPast) -> Backtest:
    settings = msgspec.structs.replace(SETTINGS, rules=Rules(stop=3.0, fee_bps=1.0))
    return backtest(reverting.y_bars, reverting.x_bars, reverting.points, settings)


def test_it_is_whole_and_loads_nothing(result: Backtest) -> None:
    text = html(result)
    page = parsed(text)
    assert page.loads == ["data:,"]
    assert page.seen.isdisjoint({"script", "iframe", "img", "object", "foreignobject"})
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert "<!-- " not in text
    assert "prefers-color-scheme: dark" in text


def test_it_shows_each_trade_and_each_chart(result: Backtest) -> None:
    text = html(result)
    assert text.count("<figure>") == 4
    assert text.count("<tr>") == 1 + len(result.trades)
    drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<figure>(<svg.*?</svg>)", text)]
    marks = [path for path in drawings[0].iter("path") if "mark" in path.get("class", "")]
    assert len(marks) == 2 * len(result.trades)
    assert all(
        math.isfinite(float(number)) for svg in drawings for path in svg.iter("path") for number in re.findall(r"[\d.]+", path.get("d", ""))
    )
    assert "nan" not in "".join(path.get("d", "") for svg in drawings for path in svg.iter("path"))


def test_exits_by_what_is_held_are_told_and_drawn(reverting: PairPast) -> None:
    """Exit and stop are no levels of the z-score of now then, but of another chart."""
    texts = {}
    for hold in (False, True):
        settings = msgspec.structs.replace(SETTINGS, rules=Rules(stop=5.0, exit=0.5, hold=hold))
        result = backtest(reverting.y_bars, reverting.x_bars, reverting.points, settings)
        texts[hold] = html(result)
        parsed(texts[hold])
        rows = re.findall(r"<tr><td>.*?</tr>", texts[hold])
        cells = [re.findall(r"<td.*?>(.*?)</td>", row) for row in rows]
        assert [row[7] for row in cells] == [f"{trade.zscore_held:+.2f}" for trade in result.trades] != []
    assert "<dd>the z of now, as the entry" in texts[False]
    assert "<dd>the held z: by beta, mean and std as of the entry (hold)" in texts[True]
    drawn = {hold: [levels(svg) for svg in re.findall(r"<figure>(<svg.*?</svg>)", text)] for hold, text in texts.items()}
    every = {"entry": 2, "exit": 2, "stop": 2}
    assert drawn[False] == [every, every, {}, {}]
    assert drawn[True] == [{"entry": 2}, {"entry": 2}, {"exit": 2, "stop": 2}, {}, {}]


def levels(svg: str) -> dict[str, int]:
    """How many lines a drawing has of each kind of level."""
    kinds = Counter(path.get("class", "") for path in ElementTree.fromstring(svg).iter("path"))
    return {name: kinds[name] for name in ("entry", "exit", "stop") if kinds[name]}


def test_what_it_is_told_is_escaped(result: Backtest) -> None:
    settings = msgspec.structs.replace(result.settings, pair=HOSTILE, regression=HOSTILE, every="1m<")
    text = html(msgspec.structs.replace(result, settings=settings))
    assert "script" not in parsed(text).seen
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_nothing_to_show_is_said(reverting: PairPast) -> None:
    text = html(backtest([], [], [], SETTINGS))
    parsed(text)
    assert "No z-score, so nothing to trade: the first one is that of bar 20." in text
    idle = backtest(reverting.y_bars, reverting.x_bars, reverting.points, msgspec.structs.replace(SETTINGS, rules=Rules(entry=50)))
    parsed(html(idle))
    assert "No trade." in html(idle)
    assert "no trades" in html(idle)


def test_a_report_of_a_year_stays_small(result: Backtest) -> None:
    """As many bars as a year of minutes has, drawn by what the width can show."""
    n = 525_600
    values = np.cumsum(np.random.default_rng(0).normal(size=n))
    drawn = Chart("a year", range(0, n * MINUTE, MINUTE), [Line("curve", values)], 200).svg()
    assert len(drawn) < 100_000


def test_thinning_keeps_every_extreme() -> None:
    values = np.random.default_rng(1).normal(size=5000)
    values[[100, 101, 2000]] = math.nan
    runs = thin(range(5000), values, 100)
    kept = [value for run in runs for _, value in run]
    assert len(runs) == 3
    assert (min(kept), max(kept)) == (np.nanmin(values), np.nanmax(values))
    assert len(kept) <= 4 * (100 + 3)
    assert all(values[int(ts)] == value for run in runs for ts, value in run)
    assert [ts for run in runs for ts, _ in run] == sorted(ts for run in runs for ts, _ in run)


@pytest.mark.parametrize("values", [[], [math.nan] * 3, [0.0] * 3, [5.0] * 3, [1e9, -1e9, 0.0], [1e-9, 2e-9, 3e-9]])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    times = range(0, max(len(values), 1) * MINUTE, MINUTE)
    svg = Chart("any", times, [Line("curve", np.array(values if values else [math.nan]), 0.0)], 100).svg()
    drawn = [float(number) for path in ElementTree.fromstring(svg).iter("path") for number in re.findall(r"-?[\d.]+", path.get("d", ""))]
    assert all(-1000 <= number <= WIDTH + 1000 for number in drawn)


@pytest.mark.parametrize("span", [0, 1, 1000, 90_000, 3_600_000, DAY, 40 * DAY, 3000 * DAY, 30_000 * DAY])
def test_a_time_axis_has_a_handful_of_labels(span: int) -> None:
    ticks = time_ticks(7, 7 + span)
    assert len(ticks) <= 9
    assert all(7 <= ts <= 7 + span for ts, _ in ticks)
    assert span < 1000 or ticks


def test_the_csv_gives_every_number_back(result: Backtest) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(result))))
    assert len(rows) == len(result.trades)
    for row, trade in zip(rows, result.trades, strict=True):
        assert float(row["net"]) == trade.net
        assert float(row["beta"]) == trade.beta
        assert (float(row["zscore_held"]), float(row["spread_held"])) == (trade.zscore_held, trade.spread_held)
        assert row["entered"].endswith("Z")
        assert (row["side"], row["reason"], int(row["bars"])) == (trade.side, trade.reason, trade.bars)
