"""A chart of candles as Plotly draws it: a figure of `data` and `layout`, made without Plotly."""

from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct, field

from quantd.api.schema.kinds import Time
from quantd.model import Bar
from quantd.timeframes import Timeframe
from quantd.times import iso

DARK, TEXT, GRID, RISE, FALL = "#0f172a", "#e2e8f0", "#1e293b", "#22c55e", "#ef4444"
_OF_LINES = ("#f59e0b", "#3b82f6", "#a855f7", "#14b8a6", "#f97316")


class Stroke(Struct, frozen=True):
    """How a line is drawn."""

    color: str
    width: float = 1.5


class Side(Struct, frozen=True):
    """How candles that rise, or fall, are drawn."""

    line: Stroke
    fillcolor: str


class Candles(Struct, frozen=True, tag_field="type", tag="candlestick"):
    """The candles; `x` are the open times of the bars."""

    x: list[Time]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    name: str
    increasing: Side = Side(Stroke(RISE), RISE)
    decreasing: Side = Side(Stroke(FALL), FALL)


class Marker(Struct, frozen=True):
    """The color of each volume: that of its candle."""

    color: list[str]


class Volumes(Struct, frozen=True, tag_field="type", tag="bar"):
    """The volumes below the candles."""

    x: list[Time]
    y: list[float]
    marker: Marker
    name: str = "Volume"
    yaxis: str = "y2"
    opacity: float = 0.5


class Average(Struct, frozen=True, tag_field="type", tag="scatter"):
    """A moving average of the closes."""

    x: list[Time]
    y: list[float]
    name: str
    line: Stroke
    mode: str = "lines"


class Title(Struct, frozen=True):
    """The title."""

    text: str


class Font(Struct, frozen=True):
    """The color of texts."""

    color: str = TEXT


class Slider(Struct, frozen=True):
    """The slider below the chart, which is not shown."""

    visible: bool = False


class TimeAxis(Struct, frozen=True):
    """The axis of times."""

    type: str = "date"
    gridcolor: str = GRID
    rangeslider: Slider = Slider()


class Axis(Struct, frozen=True):
    """An axis of values, and the part of the height that it takes."""

    domain: list[float]
    gridcolor: str = GRID


class ChartMeta(Struct, frozen=True, rename="camel"):
    """What a page is told besides: the length of a bar in ms."""

    base_candle_width_ms: int


class Layout(Struct, frozen=True):
    """The layout. `uirevision` keeps what a user has zoomed to when the chart is drawn anew."""

    title: Title
    meta: ChartMeta
    paper_bgcolor: str = DARK
    plot_bgcolor: str = DARK
    font: Font = Font()
    uirevision: str = "candles"
    xaxis: TimeAxis = TimeAxis()
    yaxis: Axis = Axis([0.25, 1.0])
    yaxis2: Axis = Axis([0.0, 0.2])


class Figure(Struct, frozen=True):
    """A figure of Plotly: candles, volumes and moving averages."""

    layout: Layout
    data: list[Candles | Volumes | Average] = field(default_factory=list)


def figure(symbol: str, frame: Timeframe, bars: Sequence[Bar], windows: Sequence[int]) -> Figure:
    """Return the chart of these bars, with the moving averages for which there are enough of them."""
    times, closes = [iso(bar.ts) for bar in bars], [bar.close for bar in bars]
    colors = [RISE if bar.close >= bar.open else FALL for bar in bars]
    candles = Candles(times, [bar.open for bar in bars], [bar.high for bar in bars], [bar.low for bar in bars], closes, symbol)
    volumes = Volumes(times, [bar.volume for bar in bars], Marker(colors))
    lines = [
        Average(times[window - 1 :], _means(closes, window), f"MA{window}", Stroke(_OF_LINES[number % len(_OF_LINES)]))
        for number, window in enumerate(windows)
        if window <= len(closes)
    ]
    layout = Layout(Title(f"{symbol} @ {frame.name}"), ChartMeta(frame.step))
    return Figure(layout, [candles, volumes, *lines])


def _means(values: Sequence[float], window: int) -> list[float]:
    """Return the mean of each run of `window` values.

    >>> _means([1.0, 2.0, 6.0], 2)
    [1.5, 4.0]
    """
    sums = list(accumulate(values, initial=0.0))
    return [(after - before) / window for before, after in zip(sums, sums[window:], strict=False)]
