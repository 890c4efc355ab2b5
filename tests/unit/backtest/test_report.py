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
from quantd.backtest.figures import money
from quantd.backtest.report import html
from quantd.backtest.table import as_csv
from quantd.chart import WIDTH, Chart, Line, thin, time_ticks
from quantd.services.analytics import PairPast
from quantd.stats.backtest import Rules
from quantd.stats.funding import Rates
from quantd.testing.fakes import START
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


def test_both_parts_of_a_split_are_shown_side_by_side_and_marked(reverting: PairPast, result: Backtest) -> None:
    settings = msgspec.structs.replace(result.settings, split=0.7)
    split = backtest(reverting.y_bars, reverting.x_bars, reverting.points, settings)
    assert split.halves is not None
    text = html(split)
    parsed(text)
    halves = split.halves.in_sample, split.halves.out_of_sample
    rows = dict(re.findall(r"<tr><th scope='row'>(.*?)</th>(<td>.*?</td><td>.*?</td>)</tr>", text))
    assert rows["net"] == "".join(f"<td>{money(each.net)} ({each.net_percent:+.2f} %)</td>" for each in halves)
    assert rows["sharpe"] == 2 * "<td>– (fewer than 30 days)</td>"
    drawings = re.findall(r"<figure>(<svg.*?</svg>)", text)
    assert [svg.count('class="split"') for svg in drawings] == [1] * len(drawings)
    assert 'class="split"' not in html(result)
    assert "out-of-sample" not in html(result)


def test_funding_is_told_or_said_to_be_unknown(reverting: PairPast, result: Backtest) -> None:
    ts = START + 10 * MINUTE * np.arange(40)
    longest = max(result.trades, key=lambda trade: trade.bars)
    ts = ts[(ts <= longest.entered) | (ts > longest.exited)]
    rates = {leg: Rates(ts, np.full(len(ts), 0.001), np.full(len(ts), 100.0)) for leg in ("AAA", "BBB")}
    funded = backtest(reverting.y_bars, reverting.x_bars, reverting.points, result.settings, funding=rates)
    assert funded.summary.funding_missing
    text = html(funded)
    assert f"of both legs is in the net: {money(funded.summary.funding or 0.0)}, {funded.summary.funding_missing} times missing" in text
    assert "net of costs and funding" in text
    assert "net of costs, without funding" in html(result)
    assert "<dd>not in the net: no rates of AAA and BBB</dd>" in html(result)


def test_a_ratio_is_never_shown_without_its_error(reverting: PairPast, result: Backtest) -> None:
    known = msgspec.structs.replace(result.summary, sharpe=2.5, sharpe_stderr=1.25, probabilistic_sharpe=0.99999, reasons={})
    text = html(msgspec.structs.replace(result, summary=known))
    assert "<dd>2.50 ± 1.25</dd>" in text
    assert "<dd>&gt; 99.9%</dd>" in text
    assert "<dt>Sharpe ratio</dt><dd>–</dd><dd class='note'>fewer than 30 days</dd>" in html(result)


@pytest.mark.parametrize(("sizing", "told"), [("beta", "beta units of x to one of y"), ("dollar", "the same value in both (dollar)")])
def test_the_sizing_is_told(result: Backtest, sizing: str, told: str) -> None:
    rules = Rules(sizing=sizing)  # type: ignore[arg-type]
    text = html(msgspec.structs.replace(result, settings=msgspec.structs.replace(result.settings, rules=rules)))
    assert f"1,000 gross over both legs at entry: {told}" in text


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
