"""Draws a firing as SVG, for sinks and readers without a browser."""

import math
from collections.abc import Iterator

import numpy as np

from quantd.chart import Chart, Line, Mark
from quantd.services.explain import Explanation
from quantd.times import iso

HEIGHT = 320
_STYLE = (
    "svg{background:#fff;font:12px sans-serif}"
    "path{fill:none}.grid{stroke:#e5e7eb}.axis,.tick{stroke:#6b7280}.label{fill:#374151}"
    ".curve{stroke:#2563eb;stroke-width:1.5}.level{stroke:#d97706;stroke-dasharray:6 4}"
    ".mark{stroke-width:2}.firing{fill:#dc2626;stroke:#dc2626}.resolved{fill:#16a34a;stroke:#16a34a}.withdrawn{stroke:#6b7280}"
)


def drawing(known: Explanation) -> str:
    """Return the SVG file of a firing: the course of what the rule watches, its thresholds, and marks where it fired and ended."""
    course = known.course()
    ts, values = list(course) or [known.firing.ts], [math.nan if value is None else value for value in course.values()] or [math.nan]
    levels = [("level", value) for value in known.curve.levels]
    found = Chart(_title(known), ts, [Line("curve", np.array(values))], HEIGHT, levels)
    found.mark(_marks(known))
    return found.svg(_STYLE)


def _title(known: Explanation) -> str:
    return f"{known.firing.pair} {known.rule.get('when', '')}: {known.firing.text}, fired {iso(known.firing.ts)}"


def _marks(known: Explanation) -> Iterator[Mark]:
    firing = known.firing
    yield _mark(known, firing.ts, "dot", "firing", f"fired {iso(firing.ts)}: {firing.value}")
    if known.ended is not None and known.end:
        shape = "cross" if known.end == "withdrawn" else "dot"
        yield _mark(known, known.ended, shape, known.end, f"{known.end} {iso(known.ended)}: {known.end_value}")


def _mark(known: Explanation, ts: int, shape: str, name: str, title: str) -> Mark:
    at, value = known.marked(ts)
    return Mark(at, math.nan if value is None else value, shape, name, title)
