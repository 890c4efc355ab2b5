"""Line charts over time as inline SVG: without scripts, coloured by class, with no more points than the width can show."""

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND
from quantd.times import format_time

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960, 68, 14, 12, 26
_TIMES = [each * unit for unit, steps in ((SECOND, (1, 5, 15, 30)), (MINUTE, (1, 5, 15, 30)), (HOUR, (1, 3, 6, 12))) for each in steps]
_DAYS = [each * DAY for each in (1, 2, 7, 14, 30, 60, 90, 180, 365)]
_Y_TICKS, _X_TICKS = 4, 8


class Line(Struct, frozen=True):
    """A curve, which NaN interrupts. With `fill` the area between the curve and that value is filled."""

    name: str
    values: FloatArray
    fill: float | None = None


class Mark(Struct, frozen=True, gc=False):
    """A mark on a curve. `shape` is up, down, dot or cross; `name` is its class."""

    ts: int
    value: float
    shape: str
    name: str
    title: str


class Chart:
    """One plot. Add the marks and the split first, then ask for its `svg`."""

    def __init__(self, title: str, ts: Sequence[int], lines: Sequence[Line], height: int, levels: Sequence[tuple[str, float]] = ()) -> None:
        self._title = title
        self._ts = np.asarray(ts, dtype=np.int64)
        self._lines = lines
        self._levels = levels
        self._height = height
        self._marks: list[Mark] = []
        self._cut: int | None = None
        self._low, self._high = _range([*(line.values for line in lines), np.array([value for _, value in levels])])

    def mark(self, marks: Iterable[Mark]) -> None:
        """Add marks, which are drawn on top of the curves."""
        self._marks += marks

    def cut(self, ts: int | None) -> None:
        """Draw a vertical line at `ts` (ms), if that is given."""
        self._cut = ts

    def svg(self, style: str = "") -> str:
        """Return the SVG element, which is as wide as its container. With a style sheet of its own it is a whole file."""
        parts = [
            *self._grid(),
            *self._split(),
            *map(self._level, self._levels),
            *map(self._line, self._lines),
            *map(self._symbol, self._marks),
        ]
        title = escape(self._title)
        size = f'viewBox="0 0 {WIDTH} {self._height}"'
        if style:
            size = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self._height}" {size}'
            parts.insert(0, f"<style>{style}</style>")
        return f'<svg {size} role="img" aria-label="{title}"><title>{title}</title>{"".join(parts)}</svg>'

    def _x(self, ts: float) -> float:
        first, last = float(self._ts[0]), float(self._ts[-1])
        return LEFT + (ts - first) / max(last - first, 1.0) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return TOP + (1 - share) * (self._height - TOP - BOTTOM)

    def _grid(self) -> Iterable[str]:
        bottom = self._height - BOTTOM
        step = nice_step((self._high - self._low) / _Y_TICKS)
        for number in range(math.ceil(self._low / step), math.floor(self._high / step) + 1):
            y = self._y(number * step)
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            yield f'<text class="label" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label(number * step, step)}</text>'
        for ts, text in time_ticks(int(self._ts[0]), int(self._ts[-1])):
            x = self._x(ts)
            yield f'<path class="tick" d="M{x:.1f} {bottom}v5"/>'
            yield f'<text class="label" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>'
        yield f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>'

    def _split(self) -> Iterable[str]:
        if self._cut is not None:
            x = self._x(self._cut)
            yield f'<path class="split" d="M{x:.1f} {TOP}V{self._height - BOTTOM}"/>'
            yield f'<text class="label" x="{x - 6:.1f}" y="{TOP - 2}" text-anchor="end">in-sample</text>'
            yield f'<text class="label" x="{x + 6:.1f}" y="{TOP - 2}">out-of-sample</text>'

    def _level(self, level: tuple[str, float]) -> str:
        name, value = level
        return f'<path class="{name}" d="M{LEFT} {self._y(value):.1f}H{WIDTH - RIGHT}"/>'

    def _line(self, line: Line) -> str:
        runs = [[(self._x(ts), self._y(value)) for ts, value in run] for run in thin(self._ts, line.values, WIDTH - LEFT - RIGHT)]
        path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run) for run in runs)
        curve = f'<path class="{line.name}" d="{path}"/>'
        if line.fill is None:
            return curve
        ground = self._y(line.fill)
        area = "".join(
            f"M{run[0][0]:.1f} {ground:.1f}L" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run) + f"L{run[-1][0]:.1f} {ground:.1f}Z"
            for run in runs
        )
        return f'<path class="{line.name} area" d="{area}"/>{curve}'

    def _symbol(self, mark: Mark) -> str:
        if not math.isfinite(mark.value):
            return ""
        x, y = self._x(mark.ts), self._y(min(max(mark.value, self._low), self._high))
        shapes = {
            "up": f"M{x:.1f} {y - 5:.1f}l5 9h-10z",
            "down": f"M{x:.1f} {y + 5:.1f}l5 -9h-10z",
            "dot": f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
            "cross": f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8",
        }
        return f'<path class="mark {mark.name}" d="{shapes[mark.shape]}"><title>{escape(mark.title)}</title></path>'


def thin(ts: Sequence[int] | np.ndarray, values: FloatArray, columns: int) -> list[list[tuple[float, float]]]:
    """Return the runs of a curve between NaNs. Of the values within one of `columns`, the first, lowest, highest and last are kept.

    >>> thin([0, 1, 2], np.array([1.0, math.nan, 2.0]), 100)
    [[(0.0, 1.0)], [(2.0, 2.0)]]
    """
    times = np.asarray(ts, dtype=float)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return []
    cells = ((times[known] - times[0]) / max(times[-1] - times[0], 1.0) * columns).astype(np.int64)
    breaks = np.diff(known) > 1
    kept: list[list[tuple[float, float]]] = [[]]
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(cells) > 0) | breaks)))
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(known)], strict=True):
        if start and breaks[start - 1]:
            kept.append([])
        rows = known[start:stop]
        chosen = sorted({0, len(rows) - 1, int(values[rows].argmin()), int(values[rows].argmax())})
        kept[-1] += [(float(times[rows[each]]), float(values[rows[each]])) for each in chosen]
    return kept


def nice_step(rough: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not less than `rough`.

    >>> nice_step(0.34), nice_step(23.0)
    (0.5, 25.0)
    """
    power = float(10.0 ** math.floor(math.log10(rough)))
    return next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * (1 - 1e-9))


def label(value: float, step: float) -> str:
    """Return a number with the decimals that its scale needs.

    >>> label(1500.0, 500.0), label(0.25, 0.25), label(2e7, 1e7)
    ('1,500', '0.25', '2e+07')
    """
    if abs(value) >= 1e7 or step < 1e-6:
        return f"{value:.3g}"
    decimals = max(0, -math.floor(math.log10(step)) + (round(step / 10 ** math.floor(math.log10(step)), 6) == 2.5))
    return f"{value:,.{decimals}f}"


def time_ticks(start: int, end: int) -> list[tuple[int, str]]:
    """Return round UTC times for the axis of a chart.

    >>> time_ticks(0, 3 * HOUR)[:2]
    [(0, '00:00'), (1800000, '00:30')]
    """
    span = max(end - start, 1)
    step = next((each for each in (*_TIMES, *_DAYS) if span / each <= _X_TICKS), -(-span // (_X_TICKS * DAY)) * DAY)
    return [(ts, _time(ts, step)) for ts in range(-(-start // step) * step, end + 1, step)]


def _time(ts: int, step: int) -> str:
    if step >= DAY:
        return format_time(ts, "%Y-%m-%d" if step >= 30 * DAY else "%d %b")
    if ts % DAY == 0 and step >= HOUR:
        return format_time(ts, "%d %b")
    return format_time(ts, "%H:%M:%S" if step < MINUTE else "%H:%M")


def _range(columns: Sequence[FloatArray]) -> tuple[float, float]:
    """Return the lowest and the highest of all values, with a margin."""
    values = np.concatenate([column[np.isfinite(column)] for column in columns]) if columns else np.array([])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - room, high + room
