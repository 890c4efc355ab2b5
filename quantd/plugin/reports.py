"""What a plugin says of itself: the name of its logger, and the numbers that it reports for Prometheus."""

import logging
from math import isfinite
from threading import Lock

MOST = 100
"""So many metrics a plugin may report: a name made of a symbol or an order would be another one each time."""

_KEPT = "_quantd_reports"
"""The attribute of a plugin class. It is the class that the instances share which quantd makes of a plugin for each symbol or pair."""


class Reports:
    """The numbers that the instances of one plugin have reported in this process, by metric, and their logger."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.log = logging.getLogger(f"quantd.plugin.{kind}.{name}")
        self._numbers: dict[str, float] = {}
        self._lock = Lock()

    def put(self, metric: str, number: float) -> None:
        """Raises ValueError for a metric without a name, a number without an end, and a metric too many."""
        with self._lock:
            self._numbers[_checked(metric, self._numbers)] = _finite(metric, number)

    def add(self, metric: str, number: float) -> None:
        """Raises ValueError as `put` does."""
        with self._lock:
            self._numbers[metric] = _finite(metric, self._numbers.get(_checked(metric, self._numbers), 0.0) + number)

    def numbers(self) -> dict[str, float]:
        """The latest of each metric, in the order of the first report."""
        with self._lock:
            return dict(self._numbers)


def reports_of(plugin: type) -> Reports:
    """Those of a plugin class, which has them under a name of its own until it is registered."""
    found: Reports | None = vars(plugin).get(_KEPT)
    return found or name_reports(plugin, "unregistered", plugin.__qualname__)


def name_reports(plugin: type, kind: str, name: str) -> Reports:
    """From now on a class reports under this name. What it has reported stays if it had the name before: a second registry changes
    nothing."""
    found: Reports | None = vars(plugin).get(_KEPT)
    if found is None or (found.kind, found.name) != (kind, name):
        found = Reports(kind, name)
        setattr(plugin, _KEPT, found)
    return found


def _checked(metric: str, known: dict[str, float]) -> str:
    if metric not in known:
        if not metric.isidentifier():
            raise ValueError(f"{metric!r} is no name of a metric: take letters, digits and _")
        if len(known) >= MOST:
            raise ValueError(f"metric {metric!r} is one too many: a plugin may report {MOST}")
    return metric


def _finite(metric: str, number: float) -> float:
    if not isfinite(number):
        raise ValueError(f"metric {metric!r} is {number}: report a finite number, or nothing")
    return float(number)
