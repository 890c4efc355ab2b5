"""The answers of the routes that explain firings, and judge rules over the past."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Literal

from msgspec import Struct, field

from quantd.api.schema import rows
from quantd.api.schema.chart import DARK, FALL, GRID, RISE, Font, Stroke, TimeAxis, Title
from quantd.api.schema.kinds import Time
from quantd.hindsight.model import End, Firing, Report, Trial
from quantd.model import AlertState, Metric
from quantd.services.explain import Explanation, Judged, Written
from quantd.times import iso

LEVEL, CURVE = "#f59e0b", "#3b82f6"


class Dot(Struct, frozen=True):
    """How a mark is drawn."""

    color: str
    symbol: str = "circle"
    size: int = 10


class Trace(Struct, frozen=True, tag_field="type", tag="scatter"):
    """The course of what the rule watches, as a line, or a moment at which the rule fired or ended, as a mark."""

    x: list[Time]
    y: list[float | None]
    name: str
    mode: str = "lines"
    line: Stroke = Stroke(CURVE)
    marker: Dot = Dot(FALL)


class Threshold(Struct, frozen=True):
    """A threshold, as a line over the whole width."""

    y0: float
    y1: float
    line: Stroke = Stroke(LEVEL, 1.0)
    type: str = "line"
    xref: str = "paper"
    x0: float = 0.0
    x1: float = 1.0


class PlainAxis(Struct, frozen=True):
    """The axis of values."""

    gridcolor: str = GRID


class FiringLayout(Struct, frozen=True):
    """The layout."""

    title: Title
    shapes: list[Threshold]
    paper_bgcolor: str = DARK
    plot_bgcolor: str = DARK
    font: Font = Font()
    xaxis: TimeAxis = TimeAxis()
    yaxis: PlainAxis = PlainAxis()


class FiringFigure(Struct, frozen=True):
    """A figure of Plotly: the course of what the rule watches, its thresholds, and marks where it fired and ended."""

    layout: FiringLayout
    data: list[Trace]


class ExplanationAnswer(Struct, frozen=True):
    """What a rule saw when it fired, as it was then, and how the firing ended."""

    id: str
    rule_id: str
    pair: str
    state: AlertState
    """firing, or how it has ended: resolved or withdrawn."""
    since: Time
    ts: Time
    """When it fired."""
    value: float | str
    threshold: float | str
    text: str
    rule: Mapping[str, Written]
    """The keys of the rule that differ from their defaults, as in YAML."""
    clauses: Sequence[Judged]
    point: rows.PointRow | None
    """The judged point; for a rule that is judged between closes, that of the last closed bar."""
    bar: rows.BarRow | None
    """The judged bar of a rule on a symbol."""
    ticks: dict[str, list[rows.TradeRow]]
    """The last trades of each symbol."""
    config: str
    """A hash of the pairs and pipelines of the config."""
    ended: Time | None
    end_value: Metric
    """The value that ended it."""
    reason: str
    figure: FiringFigure


def explanation_answer(known: Explanation) -> ExplanationAnswer:
    """Return an explanation, with times as text."""
    firing = known.firing
    return ExplanationAnswer(
        id=firing.id,
        rule_id=firing.alert_id,
        pair=firing.pair,
        state=known.end or "firing",
        since=iso(firing.since),
        ts=iso(firing.ts),
        value=firing.value,
        threshold=firing.threshold,
        text=firing.text,
        rule=known.rule,
        clauses=known.clauses,
        point=rows.point(known.point) if known.point else None,
        bar=rows.bar(known.bar) if known.bar else None,
        ticks={symbol: [row for tick in ticks if (row := rows.trade(tick))] for symbol, ticks in known.ticks.items()},
        config=known.config,
        ended=None if known.ended is None else iso(known.ended),
        end_value=known.end_value,
        reason=known.reason,
        figure=_figure(known),
    )


def _figure(known: Explanation) -> FiringFigure:
    course = known.course()
    line = Trace([iso(ts) for ts in course], [_finite(value) for value in course.values()], known.curve.metric)
    title = Title(f"{known.firing.pair} {known.rule['when']}")
    layout = FiringLayout(title, [Threshold(level, level) for level in known.curve.levels])
    return FiringFigure(layout, [line, *_events(known)])


def _events(known: Explanation) -> Iterator[Trace]:
    yield _event(known, known.firing.ts, "fired", Dot(FALL))
    if known.ended is not None and known.end:
        yield _event(known, known.ended, known.end, Dot(RISE, "circle" if known.end == "resolved" else "x"))


def _event(known: Explanation, ts: int, name: str, mark: Dot) -> Trace:
    at, value = known.marked(ts)
    return Trace([iso(at)], [_finite(value)], name, "markers", marker=mark)


def _finite(value: float | None) -> float | None:
    return value if value is None or isfinite(value) else None


class PastFiring(Struct, frozen=True):
    """One firing. `ended` is null for one that still lasts at the end of the data. Lengths of time are in seconds."""

    since: Time
    """When the condition began to hold."""
    fired: Time
    """When it would have been told."""
    ended: Time | None
    end: End
    lasted_s: float
    value: float | str
    extreme: float | str
    """The value farthest beyond the threshold, with its sign."""
    half_s: float | None
    """How long after `fired` the z-score was within 0.5 of its mean; null if it was not, or if the rule watches no z-score."""
    mean_s: float | None
    """How long after `fired` the z-score was at its mean or beyond."""


class PastTrial(Struct, frozen=True):
    """What a suggested key would have made of the rule."""

    value: str
    firings: int
    flaps: int
    share: float
    delay_s: float
    """How much later the first firing would have been told."""


class PastRule(Struct, frozen=True):
    """What a rule would have told over a stretch of the record."""

    rule: str
    of: str
    when: str
    every: str
    start: Time
    end: Time
    bars: int
    unknown: int
    """Number of bars at which the rule could not be judged."""
    count: int
    """Number of firings."""
    share: float
    """Share of the time in which the rule fires."""
    flaps: int
    """Number of firings that begin within 5 bars of the end of the one before."""
    firings: list[PastFiring]
    until: PastTrial | None
    """The suggested `until`; null if nothing would be calmer."""
    for_: PastTrial | None = field(name="for")
    """The suggested `for`; null if nothing would be calmer."""
    notes: Sequence[str] = ()
    basis: Literal["record", "replay"] = "record"


def past_rule(made: Report, basis: Literal["record", "replay"] = "record") -> PastRule:
    """Return a report with times as text."""
    return PastRule(
        **{name: getattr(made, name) for name in ("rule", "of", "when", "every", "bars", "unknown", "share", "flaps", "notes")},
        start=iso(made.start),
        end=iso(made.end),
        count=len(made.firings),
        firings=[_firing(each) for each in made.firings],
        until=_trial(made.until),
        for_=_trial(made.for_),
        basis=basis,
    )


def _firing(fired: Firing) -> PastFiring:
    ended = None if fired.ended is None else iso(fired.ended)
    half, mean = (None if span is None else span / 1000 for span in (fired.half, fired.mean))
    found = iso(fired.since), iso(fired.fired), ended, fired.end, fired.lasted / 1000
    return PastFiring(*found, value=fired.value, extreme=fired.extreme, half_s=half, mean_s=mean)


def _trial(tried: Trial | None) -> PastTrial | None:
    return None if tried is None else PastTrial(tried.text, tried.firings, tried.flaps, tried.share, tried.delay / 1000)
